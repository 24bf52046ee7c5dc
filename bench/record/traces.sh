#!/bin/sh
# Records the traces of corpus/traces/ again, from Debian's own programs: all, or
# those that are named. Needs apache2, curl, git, ldb-tools, sqlite3, subversion,
# xz-utils.
#
# usage: bench/record/traces.sh [NAME...]    with what is built in build/
set -eu
cd "$(dirname "$0")/../.."
traces=$PWD/corpus/traces
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

all='cc1 git_log httpd_listing httpd_proxied httpd_static ldb_add ldb_search'
all="$all nginx_proxied nginx_ssi nginx_static sqlite svn_checkout svn_log"

# record API NAME COMMAND...
record() {
    api=$1
    name=$2
    shift 2
    bench/record/record.py --api "$api" -o "$work/$name.trace" -- "$@" >/dev/null
    # The one that serves is a child of the script that asks it.
    [ -f "$work/$name.trace" ] ||
        mv "$work/$name.trace".* "$work/$name.trace"
    xz -9e -f -c "$work/$name.trace" >"$traces/$name.trace.xz"
    printf '%s\n' "$*" | sed "s|$work|WORK|g; s|$PWD/||g" >"$work/command"
}

# describe NAME VERSION TEXT ADDS: writes NAME.txt; ADDS is new among the traces
describe() {
    {
        printf '%s\n\n' "$3"
        printf 'adds     %s\n' "$4" | sed '2,$s/^/         /'
        printf 'made by  bench/record/traces.sh %s\n' "$1"
        printf 'command  %s\n' "$(cat "$work/command")"
        printf 'version  %s\n' "$2"
    } >"$traces/$1.txt"
}

cc1() {
    gcc -E -Ipool -Ipool/standalone pool/ngx_palloc.c -o "$work/pool.i"
    record malloc cc1 "$(gcc -print-prog-name=cc1)" -quiet -O1 \
        "$work/pool.i" -o /dev/null
    sed -i 's|/[^ ]*/cc1|cc1|' "$work/command"
    describe cc1 "$(gcc --version | head -1)" \
        "malloc of the C compiler, pool/ngx_palloc.c at -O1, preprocessed before." \
        "malloc with objects of all sizes and lifetimes: 3 % live until the end."
}

git_log() {
    repository "$work/git"
    record malloc git_log git -C "$work/git" log --stat
    describe git_log "$(git --version)" \
        "malloc of git log --stat: 200 commits of a repository made for it." \
        "large blocks of malloc: 90 MB in 13,420 allocations, 1 MB at a time."
}

# repository FOLDER: 200 commits on 40 files
repository() {
    git init -q "$1"
    i=0
    while [ $i -lt 200 ]; do
        i=$((i + 1))
        seq $((i * 7)) >"$1/file$((i % 40)).txt"
        git -C "$1" add .
        git -C "$1" -c user.name=n -c user.email=e commit -q -m "change $i"
    done
}

sqlite() {
    {
        echo 'CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT, score REAL);
CREATE INDEX i ON t(name);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
INSERT INTO t SELECT i, "name" || (i * 7919 % 3000), i * 0.5 FROM n;
SELECT count(*), sum(score) FROM t WHERE name LIKE "name1%";
SELECT name, count(*) FROM t GROUP BY substr(name, 1, 5) ORDER BY 2 DESC;
UPDATE t SET score = score + 1 WHERE id % 3 = 0;
DELETE FROM t WHERE id % 5 = 0;
SELECT a.name FROM t a JOIN t b ON a.id = b.id + 1 WHERE a.score > 1000;'
        i=0
        while [ $i -lt 150 ]; do
            i=$((i + 1))
            echo "INSERT INTO t(name, score) VALUES('x$i', $i);
SELECT * FROM t WHERE name = 'x$i';"
        done
    } >"$work/load.sql"
    record malloc sqlite sqlite3 :memory: ".read $work/load.sql"
    describe sqlite "$(sqlite3 --version | cut -d ' ' -f 1)" \
        "malloc of SQLite: a table of 3,000 rows, then 150 times an insert and a
select by its index." \
        "short lives alone: 19,820 allocations, at most 398 objects at a time."
}

ldb() {
    i=0
    while [ $i -lt 300 ]; do
        i=$((i + 1))
        printf 'dn: cn=user%d,dc=example\nobjectClass: person\ncn: user%d\n' $i $i
        printf 'sn: %d\ndescription: %d %d\n\n' $((i * 7919 % 1000)) $i $i
    done >"$work/users.ldif"
}

ldb_add() {
    ldb
    record talloc ldb_add ldbadd -H "tdb://$work/users.ldb" "$work/users.ldif"
    describe ldb_add "ldb-tools $(dpkg-query -W -f '${Version}' ldb-tools)" \
        "talloc of Samba's ldbadd: 300 entries into a new database." \
        "nested pools, 752 at a time; objects that are resized and moved to
other pools."
}

ldb_search() {
    ldb
    rm -f "$work/search.ldb"
    ldbadd -H "tdb://$work/search.ldb" "$work/users.ldif" >/dev/null
    record talloc ldb_search ldbsearch -H "tdb://$work/search.ldb" '(sn=7*)'
    describe ldb_search "ldb-tools $(dpkg-query -W -f '${Version}' ldb-tools)" \
        "talloc of Samba's ldbsearch: a substring among 300 entries." \
        "the ops of ldb_add in a program of 3,892 ops, for tests that have
little time."
}

svn() {
    [ -d "$work/repo" ] && return
    svnadmin create "$work/repo"
    i=0
    while [ $i -lt 40 ]; do
        i=$((i + 1))
        mkdir -p "$work/import/d$((i % 5))"
        seq $((i * 20)) >"$work/import/d$((i % 5))/f$i.txt"
    done
    command svn import -q -m first "$work/import" "file://$work/repo"
    command svn checkout -q "file://$work/repo" "$work/before"
    i=0
    while [ $i -lt 40 ]; do
        i=$((i + 1))
        echo $i >>"$work/before/d1/f1.txt"
        command svn commit -q -m "change $i" "$work/before"
    done
}

svn_checkout() {
    svn
    record apr svn_checkout svn checkout -q "file://$work/repo" "$work/after"
    describe svn_checkout "svn $(command svn --version -q)" \
        "APR pools of svn checkout: 40 files from a local repository." \
        "a tree of pools that are cleared again and again, and one allocation of
16 MB."
}

svn_log() {
    svn
    record apr svn_log svn log "file://$work/repo"
    describe svn_log "svn $(command svn --version -q)" \
        "APR pools of svn log: 41 revisions of a local repository." \
        "more resets than pools: 335 of 154."
}

# serve NAME PATH TIMES WHAT ADDS: httpd asked for PATH, 4 times a connection
serve() {
    if [ ! -d "$work/www/list" ]; then
        mkdir -p "$work/www/list"
        i=0
        while [ $i -lt 30 ]; do
            i=$((i + 1))
            seq $((i * 37)) >"$work/www/list/f$i.txt"
        done
        seq 500 >"$work/www/index.html"
        chmod -R a+rX "$work"
        cat >"$work/httpd.conf" <<EOF
ServerName localhost
Listen 127.0.0.1:8095
PidFile $work/pid
ErrorLog $work/error.log
User www-data
Group www-data
EOF
        for module in mpm_prefork authz_core dir autoindex mime proxy \
            proxy_http; do
            echo "LoadModule ${module}_module" \
                "/usr/lib/apache2/modules/mod_$module.so"
        done >>"$work/httpd.conf"
        cat >>"$work/httpd.conf" <<EOF
TypesConfig /etc/mime.types
DocumentRoot $work/www
ProxyPass /proxied http://127.0.0.1:8096/
<Directory $work/www>
    Options Indexes
    Require all granted
</Directory>
EOF
        cat >"$work/ask" <<EOF
#!/bin/sh
apache2 -X -f $work/httpd.conf &
server=\$!
until curl -s -o /dev/null http://127.0.0.1:8095/; do sleep 0.1; done
u=http://127.0.0.1:8095\$1
i=0
while [ \$i -lt \$2 ]; do
    i=\$((i + 1))
    curl -s --compressed -H 'User-Agent: Mozilla/5.0 (X11; Linux x86_64) Firefox/128.0' \\
        -H 'Accept: text/html,application/xhtml+xml,*/*;q=0.8' \\
        -H 'Accept-Language: en-US,en;q=0.5' "\$u" "\$u" "\$u" "\$u" >/dev/null
done
kill -TERM \$server
wait \$server || :
EOF
        chmod +x "$work/ask"
    fi
    record apr "$1" "$work/ask" "$2" "$3"
    sed -i 's|WORK/ask|apache2 -X, asked by curl for|' "$work/command"
    describe "$1" "$(apache2 -v | sed -n 's/Server version: //p')" "$4" "$5"
}

httpd_static() {
    serve httpd_static /index.html 100 \
        "APR pools of Apache httpd, from start to stop: 400 requests for a static
file, four on each connection." \
        "a server's pools, which are reset for each request, with cleanups."
}

httpd_listing() {
    serve httpd_listing /list/ 15 \
        "APR pools of Apache httpd, from start to stop: 60 requests for a listing of
30 files, four on each connection." \
        "a small pool below the request's for each file of the listing."
}

httpd_proxied() {
    mkdir -p "$work/www"
    python3 -m http.server --bind 127.0.0.1 --directory "$work/www" 8096 \
        >/dev/null 2>&1 &
    server=$!
    serve httpd_proxied /proxied/index.html 100 \
        "APR pools of Apache httpd, from start to stop: 400 requests for a page that
it fetches from another server, four on each connection." \
        "cleanups: 13,426, of which 4,188 are run or taken away early."
    kill $server
}

# nginx with this project's pool inside, which notes what it is asked for
nginx_build() {
    [ ! -d "$work/nginx" ] || return 0
    bench/record/nginx.sh "$work/nginx"
    mkdir -p "$work/html" "$work/logs" "$work/tmp"
    seq 500 >"$work/html/index.html"
    echo '<!--#set var="a" value="b" --><!--#echo var="a" -->' \
        '<!--#include virtual="/part" --><!--#if expr="$a = b" -->yes<!--#endif -->' \
        >"$work/html/page.shtml"
    seq 50 >"$work/html/part"
    chmod -R a+rX "$work"
    cat >"$work/nginx.conf" <<EOF
daemon off;
master_process off;
pid logs/nginx.pid;
error_log logs/error.log;
events {
    worker_connections 64;
}
http {
    access_log off;
    types {
        text/html html shtml;
    }
    client_body_temp_path tmp/body;
    proxy_temp_path tmp/proxy;
    fastcgi_temp_path tmp/fastcgi;
    uwsgi_temp_path tmp/uwsgi;
    scgi_temp_path tmp/scgi;
    server {
        listen 127.0.0.1:8097;
        root html;
        location / {
            ssi on;
        }
        location /proxied/ {
            proxy_pass http://127.0.0.1:8096/;
        }
    }
}
EOF
}

# nginx_serve NAME PATH WHAT ADDS
nginx_serve() {
    nginx_build
    cat >"$work/ask_nginx" <<EOF
#!/bin/sh
$work/nginx/objs/nginx -p $work/ -c nginx.conf &
server=\$!
until curl -s -o /dev/null http://127.0.0.1:8097/; do sleep 0.1; done
u=http://127.0.0.1:8097\$1
i=0
while [ \$i -lt 100 ]; do
    i=\$((i + 1))
    curl -s --compressed -H 'User-Agent: Mozilla/5.0 (X11; Linux x86_64) Firefox/128.0' \\
        -H 'Accept: text/html,application/xhtml+xml,*/*;q=0.8' \\
        -H 'Accept-Language: en-US,en;q=0.5' "\$u" "\$u" "\$u" "\$u" >/dev/null
done
kill -QUIT \$server
wait \$server || :
EOF
    chmod +x "$work/ask_nginx"
    record pool "$1" "$work/ask_nginx" "$2"
    sed -i 's|WORK/ask_nginx|nginx, asked by curl for|' "$work/command"
    describe "$1" "$("$work/nginx/objs/nginx" -v 2>&1 | sed 's/.*: //')" "$3" "$4"
}

nginx_static() {
    nginx_serve nginx_static /index.html \
        "This pool inside nginx, from start to stop: 400 requests for a static file,
four on each connection." \
        "this pool's own traffic: a pool a request, and a large block that is
freed early in each connection's."
}

nginx_ssi() {
    nginx_serve nginx_ssi /page.shtml \
        "This pool inside nginx, from start to stop: 400 requests for a page with
server-side includes, four on each connection." \
        "many allocations a request: 88 in a pool in the mean."
}

nginx_proxied() {
    mkdir -p "$work/www"
    seq 500 >"$work/www/index.html"
    python3 -m http.server --bind 127.0.0.1 --directory "$work/www" 8096 \
        >/dev/null 2>&1 &
    server=$!
    nginx_serve nginx_proxied /proxied/index.html \
        "This pool inside nginx, from start to stop: 400 requests for a page that it
fetches from another server, four on each connection." \
        "two pools a request: its own and that of the connection to the other
server."
    kill $server
}

mkdir -p "$traces"
[ $# -gt 0 ] || set -- $all
for name in "$@"; do
    case " $all " in
    *" $name "*) $name ;;
    *)
        printf 'traces.sh: no trace "%s"; known: %s\n' "$name" "$all" >&2
        exit 2
        ;;
    esac
done
