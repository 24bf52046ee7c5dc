#!/bin/sh
# Builds nginx with this pool in place of its own, and serves files with it.
#
# usage: nginx.sh WORK_DIR SOURCE_DIR
#
# nginx_source.sh finds the source, or fetches it into SOURCE_DIR. Exit status
# 77: there is none.
set -eu

requests=100 # of each location, over one connection

pool=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$1"
work=$(cd "$1" && pwd)

die() {
    printf 'nginx.sh: %s\n' "$*" >&2
    exit 1
}

# turn DIR: makes a release as a checkout of nginx's repository is, or the reverse
turn() {
    if [ -e "$1/configure" ]; then
        mv "$1/configure" "$1/auto/configure"
    else
        mv "$1/auto/configure" "$1/configure"
    fi
}

# build SOURCE DIR CONFIGURE_ARGUMENT...: with nginx's own -Werror
build() {
    tree=$2
    rm -rf "$tree"
    cp -R "$1" "$tree"
    shift 2
    "$pool/amalgamate.py" "$tree/src/core"
    (
        cd "$tree"
        # The name in a release, and in a checkout of nginx's repository.
        configure=./configure
        [ -x "$configure" ] || configure=auto/configure
        "$configure" --without-http_rewrite_module \
            --without-http_gzip_module "$@"
        make -j2
    ) >"$tree.log" 2>&1 || {
        tail -n 30 "$tree.log" >&2
        die "nginx does not build with this pool, see $tree.log"
    }
}

# prepare DIR PORT: a prefix for nginx to run in
prepare() {
    prefix=$1
    rm -rf "$prefix"
    mkdir -p "$prefix/html/folder" "$prefix/logs" "$prefix/tmp"
    head -c 3000 /dev/urandom >"$prefix/html/small"
    head -c 300000 /dev/urandom >"$prefix/html/big"
    printf 'a<!--#include virtual="/small" -->b' >"$prefix/html/page.shtml"
    user=
    [ "$(id -u)" -ne 0 ] || user="user $(id -un) $(id -gn);"
    cat >"$prefix/nginx.conf" <<CONF
$user
daemon off;
worker_processes 2;
pid logs/nginx.pid;
error_log logs/error.log debug;
events {
    worker_connections 64;
}
http {
    access_log off;
    types {
        text/html shtml; # what ssi works on
    }
    keepalive_requests 1000000;
    client_body_temp_path tmp/body;
    proxy_temp_path tmp/proxy;
    server {
        listen 127.0.0.1:$2;
        root html;
        location / {
            ssi on;
            autoindex on;
        }
        location /proxied/ {
            proxy_pass http://127.0.0.1:$2/;
        }
    }
}
CONF
}

free_port() {
    python3 -c '
import socket
with socket.socket() as s:
    s.bind(("127.0.0.1", 0))
    print(s.getsockname()[1])'
}

# fetch PREFIX PORT: every location many times over a connection kept alive
fetch() {
    python3 - "$1/html" "$2" "$requests" <<'PYTHON'
import http.client
import pathlib
import sys

html, port, requests = pathlib.Path(sys.argv[1]), *map(int, sys.argv[2:])
small = (html / "small").read_bytes()
big = (html / "big").read_bytes()
expected = {
    "/small": small,
    "/big": big,
    "/proxied/small": small,
    "/proxied/big": big,
    "/page.shtml": b"a" + small + b"b",
    "/proxied/page.shtml": b"a" + small + b"b",
}

connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
connection.connect()
socket = connection.sock
for path, body in expected.items():
    for _ in range(requests if len(body) < len(big) else requests // 20):
        connection.request("GET", path, headers={"Cookie": "a=b; " * 60})
        response = connection.getresponse()
        if response.status != 200 or response.read() != body:
            sys.exit(f"{path}: status {response.status} or other bytes")
for path, status in ("/none", 404), ("/folder/", 200), ("/folder", 301):
    connection.request("GET", path)
    response = connection.getresponse()
    response.read()
    if response.status != status:
        sys.exit(f"{path}: status {response.status}, {status} expected")
if connection.sock is not socket:
    sys.exit("the connection was not kept alive")
PYTHON
}

# wait_until COMMAND...: for ten seconds at most
wait_until() {
    tries=100
    until "$@" 2>/dev/null; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || die "waited in vain: $*"
        sleep 0.1
    done
}

listens() {
    python3 -c '
import socket, sys
socket.create_connection(("127.0.0.1", int(sys.argv[1])), 1).close()' "$1"
}

# workers PID: the worker processes of that master
workers() {
    sed -n "s/^\\([0-9]*\\) (nginx) . $1 .*/\\1/p" /proc/[0-9]*/stat \
        2>/dev/null | sort
}

# workers_changed PID OLD_WORKERS: none of the old ones is left
workers_changed() {
    now=$(workers "$1")
    [ "$(printf '%s\n' "$now" | wc -l)" -eq 2 ] &&
        ! printf '%s\n' "$now" | grep -qxF "$2"
}

# serve TREE: start, fetch, reload, fetch, quit; nothing may be amiss
serve() {
    prefix=$work/prefix
    port=$(free_port)
    prepare "$prefix" "$port"
    "$1/objs/nginx" -p "$prefix" -c nginx.conf 2>"$prefix/stderr" &
    nginx=$!
    trap 'kill "$nginx" 2>/dev/null || true' EXIT
    wait_until listens "$port"
    fetch "$prefix" "$port"

    old=$(workers "$nginx")
    kill -HUP "$nginx"
    wait_until workers_changed "$nginx" "$old"
    fetch "$prefix" "$port"

    kill -QUIT "$nginx"
    status=0
    wait "$nginx" || status=$?
    trap - EXIT
    [ "$status" -eq 0 ] || die "nginx exited with status $status"
    if grep -E '\[(alert|crit|emerg)\]|exited on signal' \
        "$prefix/logs/error.log" "$prefix/stderr"; then
        die "$prefix/logs/error.log: lines as above, none expected"
    fi
}

# needs_threads TREE: the functions of threads that the pool calls there
needs_threads() {
    nm -u "$1/objs/src/core/ngx_palloc.o" >"$1.undefined"
    sed -n 's/.* \(pthread_.*\)/\1/p' "$1.undefined"
}

# All its modules compile with this pool's headers, as nginx compiles them.
source=$("$pool/test/nginx_source.sh" "$2")
build "$source" "$work/plain" --with-cc-opt=-g0 \
    --http-fastcgi-temp-path=tmp/fastcgi --http-uwsgi-temp-path=tmp/uwsgi \
    --http-scgi-temp-path=tmp/scgi
serve "$work/plain"

# nginx without threads is linked without -lpthread, which has the functions of
# threads where glibc is before 2.34.
needs=$(needs_threads "$work/plain")
[ -z "$needs" ] || die "without threads the pool needs: $needs"

# The other kind of tree, with threads, debug lines and AddressSanitizer, and the
# modules that the test uses. nginx does not free all that it has when it exits.
rm -rf "$work/turned"
cp -R "$source" "$work/turned"
turn "$work/turned"
export ASAN_OPTIONS=detect_leaks=0
unused=
for module in access auth_basic browser charset empty_gif fastcgi geo grpc \
    limit_conn limit_req map memcached mirror referer scgi split_clients \
    upstream_hash upstream_ip_hash upstream_keepalive upstream_least_conn \
    upstream_random upstream_zone userid uwsgi; do
    unused="$unused --without-http_${module}_module"
done
# shellcheck disable=SC2086 # one word a module
build "$work/turned" "$work/debug" --with-threads --with-debug \
    "--with-cc-opt=-O0 -fsanitize=address" --with-ld-opt=-fsanitize=address $unused
serve "$work/debug"
[ -n "$(needs_threads "$work/debug")" ] ||
    die "with threads the pool needs nothing of theirs"
for line in 'run cleanup: ' 'free: .*, unused: '; do
    grep -q "$line" "$work/prefix/logs/error.log" ||
        die "$work/prefix/logs/error.log: no debug line of the pool's: $line"
done
