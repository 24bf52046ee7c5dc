#!/bin/sh
# Prints the path of a package's upstream tarball.
#
# usage: debian_source.sh PACKAGE FOLDER
#
# It is fetched into FOLDER, once, from Debian's mirror, by apt with a list of
# sources of its own: the machine's stays as it is. Exit status 1: there is none.
set -eu

package=$1
folder=$2

tarball() {
    found=$(find "$folder" -maxdepth 1 -name "${package}_*.orig.tar.*" \
        ! -name '*.asc' | head -n 1)
    [ -n "$found" ] && printf '%s\n' "$found"
}

fetch() {
    command -v apt-get || return 1
    parts=$folder/apt
    rm -rf "$parts"
    mkdir -p "$parts/lists/partial"
    for sources in /etc/apt/sources.list.d/*.sources; do
        [ -f "$sources" ] || continue
        sed 's/^Types:.*/Types: deb-src/' "$sources" \
            >"$parts/$(basename "$sources")"
    done
    if [ -f /etc/apt/sources.list ]; then
        sed -n 's/^deb /deb-src /p' /etc/apt/sources.list >"$parts/main.list"
    fi
    set -- -q -o Dir::Etc::sourcelist=/dev/null \
        -o "Dir::Etc::sourceparts=$parts" -o "Dir::State::lists=$parts/lists" \
        -o APT::Sandbox::User=root -o Acquire::Retries=0 \
        -o Acquire::http::Timeout=20 -o Acquire::https::Timeout=20
    apt-get "$@" update || return 1
    # Only the tarball is needed. The .dsc may be missing for a day.
    (cd "$folder" && apt-get "$@" source --download-only "$package") || true
}

mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
tarball && exit
# Most lines of apt-get are about files that are not needed.
fetch >"$folder/fetch.log" 2>&1 || true
tarball
