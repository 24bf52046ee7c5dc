#!/bin/sh
# Prints the folder of an nginx source. Its callers do not change that folder.
#
# usage: nginx_source.sh WORK_DIR
#
# NGINX_SRC names the folder of an unpacked source. Without it, Debian's
# upstream tarball is fetched into WORK_DIR, once, from Debian's mirror. Exit
# status 77: there is no source.
set -eu

mkdir -p "$1"
work=$(cd "$1" && pwd)

tarball() {
    find "$work" -maxdepth 1 -name 'nginx_*.orig.tar.gz' | head -n 1
}

# fetch_tarball: by apt, with its own list of sources, not the machine's
fetch_tarball() {
    command -v apt-get >/dev/null || return 1
    parts=$work/apt
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
    (cd "$work" && apt-get "$@" source --download-only nginx) || true
    [ -n "$(tarball)" ]
}

if [ -n "${NGINX_SRC-}" ]; then
    if [ ! -f "$NGINX_SRC/src/core/ngx_palloc.c" ]; then
        printf 'NGINX_SRC: found no src/core/ngx_palloc.c in "%s", %s\n' \
            "$NGINX_SRC" "expected the folder of nginx's unpacked source" >&2
        exit 1
    fi
    cd "$NGINX_SRC"
    pwd
    exit
fi

if [ ! -d "$work/source" ]; then
    if [ -z "$(tarball)" ]; then
        printf 'nginx: fetching its source by apt-get\n' >&2
        # Most of what apt-get says is about files that are not needed.
        if ! fetch_tarball >"$work/fetch.log" 2>&1; then
            printf 'nginx: no source found, %s says why; %s\n' \
                "$work/fetch.log" "NGINX_SRC may name one" >&2
            exit 77
        fi
    fi
    rm -rf "$work/unpacked"
    mkdir "$work/unpacked"
    tar -xzf "$(tarball)" -C "$work/unpacked" --strip-components=1
    mv "$work/unpacked" "$work/source"
fi
printf '%s\n' "$work/source"
