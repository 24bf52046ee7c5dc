#!/bin/sh
# Prints the folder of an nginx source. Its callers do not change that folder.
#
# usage: nginx_source.sh WORK_DIR
#
# NGINX_SRC names the folder of an unpacked source. Without it, Debian's
# upstream tarball is fetched into WORK_DIR, once, from Debian's mirror. Exit
# status 77: there is no source.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
work=$(cd "$1" && pwd)

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
    printf 'nginx: fetching its source by apt-get\n' >&2
    if ! tarball=$("$here/debian_source.sh" nginx "$work"); then
        printf 'nginx: no source found, %s says why; %s\n' \
            "$work/fetch.log" "NGINX_SRC may name one" >&2
        exit 77
    fi
    rm -rf "$work/unpacked"
    mkdir "$work/unpacked"
    tar -xf "$tarball" -C "$work/unpacked" --strip-components=1
    mv "$work/unpacked" "$work/source"
fi
printf '%s\n' "$work/source"
