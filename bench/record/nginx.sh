#!/bin/sh
# Builds nginx with this project's pool inside, which records what it is asked
# for: FOLDER/objs/nginx. nginx's own sources stay as they are, but for the pool's
# two files.
#
# usage: bench/record/nginx.sh FOLDER    exit status 77: there is no source
set -eu
cd "$(dirname "$0")/../.."

source=$(pool/test/nginx_source.sh build-nginx)
cp -R "$source" "$1"
core=$1/src/core
cp bench/record/raw.h "$core/"
pool/amalgamate.py "$core"
mv "$core/ngx_palloc.c" "$core/ngx_palloc_unseen.c"
sed 's|"ngx_palloc.c"|"ngx_palloc_unseen.c"|' bench/record/pool.c |
    cat - bench/record/raw.c >"$core/ngx_palloc.c"
(
    cd "$1"
    # The name in a release, and in a checkout of nginx's repository.
    configure=./configure
    [ -x "$configure" ] || configure=auto/configure
    "$configure" --without-http_rewrite_module --without-http_gzip_module
    make -j2
) >"$1.log" 2>&1 || {
    tail -20 "$1.log" >&2
    exit 1
}
