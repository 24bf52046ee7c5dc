#!/usr/bin/env python3
"""Runs Debian's programs with and without the recorder, and compares.

usage: programs.py [--build DIR] [--quick] [--only NAME,...] [--totals]

Each row runs twice without the recorder and once with it, in a fresh folder.
Status, standard output, standard error and the files that it leaves must be
equal; lines that differ between the two runs without it are left out.
Programs that are not installed are skipped and named; --quick runs those that
take no servers and little time, and may skip any. The row nginx-pool is nginx
with this project's pool inside: nginx.sh builds it, or NGINX_POOL is its path.
With --totals, rows that are marked run under valgrind's dhat instead, and the
sums must be equal within 0.1 %: a shell or perl copies its environment, which
differs. Exit status 1: something differs.
"""

import argparse
import dataclasses
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
RECORD = HERE.parent / "record.py"
ROOT = HERE.parent.parent.parent
TOLERANCE = 0.001
TIMEOUT = 300

# Each folder begins with a text, C sources and a JSON list.
PREPARE = """
seq 5000 | awk '{ print $1 * 7919 % 5003, "line", $1 }' > text
printf '#include <stdio.h>\\n#include <stdlib.h>\\nint main(void) {'\
' char *p = malloc(10); free(p); return puts("hi") < 0; }\\n' > a.c
printf '#include <map>\\n#include <string>\\n#include <iostream>\\nint main()'\
' { std::map<std::string, int> m; for (int i = 0; i < 9999; i++)'\
' m[std::to_string(i)] = i; std::cout << m.size(); }\\n' > a.cc
python3 -c 'import json; json.dump([{"n": i, "s": "x" * (i % 50)}'\
' for i in range(2000)], open("a.json", "w"))'
"""


@dataclasses.dataclass
class Row:
    name: str
    script: str  # of sh
    needs: str = ""  # programs, besides the name
    quick: bool = True
    totals: str = ""  # the one command that is counted
    api: str = "malloc"


SERVE = """
wait_for() { i=0; until "$@" >/dev/null 2>&1; do i=$((i + 1));
  [ $i -lt 300 ] || exit 9; sleep 0.1; done; }
"""
NGINX = SERVE + """
mkdir -p www logs tmp && cp text www/ && chmod -R a+rX . && cat > nginx.conf <<EOF
daemon off; worker_processes 2; pid logs/pid; error_log logs/error.log;
events { worker_connections 64; }
http { access_log off; client_body_temp_path tmp/a; proxy_temp_path tmp/b;
fastcgi_temp_path tmp/c; uwsgi_temp_path tmp/d; scgi_temp_path tmp/e;
server { listen 127.0.0.1:8197; root www; } }
EOF
%s -p "$PWD/" -c nginx.conf 2>/dev/null & server=$!
wait_for curl -s -o /dev/null http://127.0.0.1:8197/text
get() { i=0; while [ $i -lt 20 ]; do i=$((i + 1));
  curl -s "http://127.0.0.1:8197/text?[1-10]"; done | cksum; }
get; kill -HUP $server; sleep 1; get; kill -QUIT $server; wait $server
echo "status $?"; grep -E '\\[(alert|crit|emerg)\\]' logs/error.log
rm -rf logs
"""

ROWS = [
    Row("sort", "sort -R --random-source=/dev/zero text; sort -n text | cksum",
        totals="sort -n text"),
    Row("ls", "ls -la --time-style=+ /usr/bin | cksum",
        totals="ls -l --time-style=+ /usr/bin"),
    Row("cp", "cp -a text copy; cmp text copy"),
    Row("sha256sum", "sha256sum text a.c"),
    Row("od", "od -c text | tail -n 3"),
    Row("date", "date -d @0 -u"),
    Row("printf", "/usr/bin/printf '%q\\n' 'a b'"),
    Row("find", "find /usr/share/doc -name copyright | sort | cksum",
        totals="find /usr/share/doc -name copyright"),
    Row("xargs", "seq 2000 | xargs -n 40 echo | cksum"),
    Row("grep", "grep -c 'line.*7' text; grep -P '(\\d)\\1' text | cksum",
        totals="grep -P (\\d)\\1 text"),
    Row("sed", "sed -n 's/line \\(.*\\)/\\1/p' text | cksum"),
    Row("awk", "awk '{ n[$1 % 100] += $3 } END { print n[7], n[42] }' text"),
    Row("diff", "sort text > b; diff text b | cksum", totals="diff text a.c"),
    Row("tar", "tar -cf - --mtime=@0 text a.c | tar -tvf -"),
    Row("tar-gzip", "tar -czf a.tgz text && tar -xzf a.tgz -O | cksum;"
        " rm a.tgz", needs="tar gzip"),
    Row("gzip", "gzip -n -k text; gunzip -c text.gz | cmp - text"),
    Row("bzip2", "bzip2 -k text; bunzip2 -c text.bz2 | cmp - text"),
    Row("xz", "xz -T2 -k text; xz -dc text.xz | cmp - text",
        totals="xz -dc -k text.xz"),
    Row("bash", "bash -c 'declare -A a; for i in {1..2000}; do a[$i]=$i; done;"
        " echo ${#a[@]} $(echo sub) <(:) | wc -w'",
        totals="bash -c 'a=; for i in {1..500}; do a=$a$i; done; echo ${#a}'"),
    Row("dash", "dash -c 'trap \"echo bye\" EXIT; (exit 3); echo $?; kill -TERM"
        " $$'"),
    Row("env", "env -i /bin/echo fine"),
    Row("timeout", "timeout -s KILL 0.2 sleep 9; echo $?"),
    Row("perl", "perl -e 'my %h; $h{$_} = [1 .. 5] for 1 .. 9999; print"
        " scalar(keys %h), \"\\n\"; exit 4'",
        totals="perl -e 'my @a; push @a, \"x$_\" for 1 .. 29999; print 1'"),
    Row("python3", "python3 -c 'import json, subprocess; print(len(json.dumps("
        "list(range(9999))))); print(subprocess.run([\"echo\", \"x\"]))'"),
    Row("python3-fork", "python3 -c 'import multiprocessing as m; p = m.Pool(3)"
        "; print(sum(p.map(abs, range(-99, 99)))); p.close(); p.join()'",
        needs="python3"),
    Row("git", "git init -q r && cd r && cp ../text . && git add . && git -c"
        " user.name=n -c user.email=e commit -qm m --date=@0 && git log --stat"
        " --format=%s && git status && git gc -q && git fsck; cd ..; rm -rf r",
        totals="git hash-object text"),
    Row("sqlite3", "sqlite3 a.db 'create table t(a); with recursive n(i) as"
        " (select 1 union all select i + 1 from n where i < 5000) insert into t"
        " select i from n; select sum(a) from t'; rm a.db",
        totals="sqlite3 :memory: 'select hex(zeroblob(9999))'"),
    Row("jq", "jq -c 'map(.n) | add' a.json", totals="jq length a.json"),
    Row("gcc", "gcc -O2 -o a a.c && ./a; gcc -S -o - -O1 a.c | cksum; rm a"),
    Row("cc1", "gcc -E a.c -o a.i; $(gcc -print-prog-name=cc1) -quiet -O2 a.i"
        " -o - | cksum",
        needs="gcc"),
    Row("g++", "g++ -O1 -o a a.cc && ./a; rm a", quick=False),
    Row("make", "printf 'all: a b\\na b:\\n\\techo $@; true\\n' > Makefile;"
        " make -j2 -Oline | sort"),
    Row("openssl", "openssl sha256 text; openssl enc -aes-256-cbc -nosalt -k x"
        " -pbkdf2 -in text | cksum"),
    Row("curl", "curl -s file://$PWD/text | cksum"),
    Row("file", "file -b text a.c /bin/ls", totals="file -b a.c"),
    Row("man-less", "less text | cksum", needs="less"),
    Row("dpkg-query", "dpkg-query -W -f '${Package}\\n' dpkg apt"),
    Row("apt-cache", "apt-cache policy dpkg", quick=False),
    Row("getent", "getent passwd root; getent hosts localhost"),
    Row("id", "id -u root"),
    Row("mktemp", "rm $(mktemp ./x.XXXX); ls"),
    Row("rsync", "rsync -a text a.c out/; ls out"),
    Row("clang", "clang -O1 -S -o - a.c | cksum", quick=False),
    Row("svn", "svnadmin create r && svn mkdir -q -m m file://$PWD/r/a && svn"
        " ls file://$PWD/r; rm -rf r", api="apr"),
    Row("ldbadd", "printf 'dn: cn=a,dc=b\\ncn: a\\n' > l && ldbadd -H tdb://a.ldb"
        " l && ldbsearch -H tdb://a.ldb '(cn=a)'; rm a.ldb", api="talloc"),
    # Servers.
    Row("redis-server", SERVE + """
redis-server --port 8198 --save '' --daemonize yes --logfile log > /dev/null
wait_for redis-cli -p 8198 ping
redis-benchmark -p 8198 -n 2000 -c 20 -q -t set,get,lpush > /dev/null; echo $?
redis-cli -p 8198 dbsize; redis-cli -p 8198 bgsave > /dev/null; sleep 1
redis-cli -p 8198 shutdown nosave; rm -f log dump.rdb
""", needs="redis-cli redis-benchmark", quick=False),
    Row("nginx", NGINX % "nginx", needs="curl", quick=False),
    Row("nginx-pool", NGINX % '"$NGINX_POOL"', needs="curl", quick=False,
        api="pool"),
    Row("apache2", SERVE + """
mkdir www && cp text www/ && chmod -R a+rX . && { cat > c <<EOF
ServerName localhost
Listen 127.0.0.1:8195
PidFile $PWD/pid
ErrorLog $PWD/error.log
User www-data
Group www-data
StartServers 2
DocumentRoot $PWD/www
<Directory $PWD/www>
    Require all granted
</Directory>
EOF
for m in mpm_prefork authz_core; do
  echo "LoadModule ${m}_module /usr/lib/apache2/modules/mod_$m.so"; done >> c; }
apache2 -f $PWD/c; wait_for curl -s http://127.0.0.1:8195/text
curl -s 'http://127.0.0.1:8195/text?[1-50]' | cksum
kill -USR1 $(cat pid); sleep 1; curl -s 'http://127.0.0.1:8195/text?[1-50]' | cksum
kill -TERM $(cat pid); sleep 2; grep -ciE 'alert|crit|emerg|signal' error.log
rm -f error.log pid
""", needs="curl", quick=False, api="apr"),
    Row("postgres", SERVE + """
bin=$(ls -d /usr/lib/postgresql/*/bin | tail -n 1); chmod 711 . ..
mkdir db && chown postgres db
run() { runuser -u postgres -- "$@"; }
run $bin/initdb -D $PWD/db --no-sync > /dev/null 2>&1; echo $?
run $bin/pg_ctl -D $PWD/db -o "-p 8199 -k $PWD/db" -l $PWD/db/log -w start > /dev/null
echo $?
run psql -h $PWD/db -p 8199 -tc 'select sum(i) from generate_series(1, 9999) i' postgres
run $bin/pg_ctl -D $PWD/db -m fast -w stop > /dev/null; echo $?; rm -rf db
""", needs="runuser psql", quick=False),
]


def nginx_build(folder: pathlib.Path) -> None:
    """Sets NGINX_POOL, if nginx with this project's pool can be built."""
    done = subprocess.run([HERE.parent / "nginx.sh", folder / "nginx"],
                          check=False, stdout=subprocess.DEVNULL)
    if done.returncode == 0:
        os.environ["NGINX_POOL"] = str(folder / "nginx" / "objs" / "nginx")


def is_installed(row: Row) -> bool:
    path = os.environ["PATH"] + ":/usr/sbin:/sbin"
    if "NGINX_POOL" in row.script and "NGINX_POOL" not in os.environ:
        return False
    return all(shutil.which(word, path=path) for word in (
        row.needs.split() if row.name in row.needs or "-" in row.name
        or row.name in ("cc1", "postgres") else
        [row.name, *row.needs.split()]))


def outcome(words: list[object], row: Row) -> tuple[dict[str, list[str]], str]:
    """The row's results, as lines by name, and the recorder's messages."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name) / "work"
        folder.mkdir()
        said = pathlib.Path(name) / "said"
        env = os.environ | {"LC_ALL": "C.UTF-8", "HOME": str(folder),
                            "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"}
        subprocess.run(["sh", "-c", PREPARE], cwd=folder, check=True)
        script = f"exec 2>err\n{row.script}"
        with said.open("w") as stderr:
            done = subprocess.run(
                [*map(str, words), "sh", "-c", script], cwd=folder, env=env,
                check=False, stdout=subprocess.PIPE, stderr=stderr,
                stdin=subprocess.DEVNULL, timeout=TIMEOUT)
        left = {"status": [str(done.returncode)],
                "output": done.stdout.decode(errors="replace").splitlines()}
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                left[str(path.relative_to(folder))] = path.read_text(
                    errors="replace").replace(name, "FOLDER").splitlines()
        return left, said.read_text(errors="replace")


def differences(one: dict[str, list[str]], two: dict[str, list[str]],
                with_it: dict[str, list[str]]) -> list[str]:
    found = []
    for name in sorted({*one, *two, *with_it}):
        a, b, c = (each.get(name) for each in (one, two, with_it))
        if a is None and b is None or c is None or a is None:
            if not (c is None and (a is None or b is None)):
                found.append(f"{name}: with {c}, without {a}")
            continue
        if a == c or b == c:
            continue
        assert b is not None
        steady = [line for line in a if line in b]
        if [line for line in c if line in a and line in b] != steady or (
                a == b and a != c):
            found.append(f"{name}: with {c[:3]}, without {a[:3]}")
    return found


def total(text: str) -> tuple[int, int]:
    match = re.search(r"Total: +([\d,]+) bytes in ([\d,]+) blocks", text)
    assert match is not None, text
    return tuple(int(each.replace(",", "")) for each in match.groups())


def totals(row: Row, record: list[object], prepare: str) -> str:
    """Recorded against dhat's count of the one command."""
    with tempfile.TemporaryDirectory() as name:
        subprocess.run(["sh", "-c", PREPARE + prepare], cwd=name, check=True)
        env = os.environ | {"LC_ALL": "C.UTF-8", "HOME": name}
        out = pathlib.Path(name) / "out"
        program = row.totals if "'" in row.totals else " ".join(
            f"'{word}'" for word in row.totals.split())
        done = subprocess.run([*map(str, record), "--json", "-o", out, "--",
                               "sh", "-c", f"exec {program}"], cwd=name,
                              check=False, env=env, text=True,
                              capture_output=True)
        said = next(one for one in map(json.loads, filter(
            lambda line: line.startswith("{"), done.stderr.splitlines()))
            if one["file"] == str(out))
        done = subprocess.run(
            ["sh", "-c", "exec valgrind --tool=dhat --run-libc-freeres=no"
             f" --dhat-out-file=/dev/null {program}"], cwd=name, check=False,
            env=env, text=True, capture_output=True, errors="replace")
        size, blocks = total(done.stderr)
    worst = max(abs(said["allocations"] - blocks) / blocks,
                abs(said["asked"] - size) / size)
    line = (f"{said['allocations']} allocations, dhat {blocks};"
            f" {said['asked']} bytes, dhat {size}")
    return ("" if worst <= TOLERANCE else "DIFFERENT ") + line


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--totals", action="store_true")
    arguments = parser.parse_args()
    only = arguments.only.split(",") if arguments.only else []
    rows = [row for row in ROWS if (not only or row.name in only)
            and (row.quick or not arguments.quick)
            and (row.totals or not arguments.totals)]
    with tempfile.TemporaryDirectory() as name:
        if (any("NGINX_POOL" in row.script for row in rows)
                and "NGINX_POOL" not in os.environ):
            nginx_build(pathlib.Path(name))
        results = [row_totals(row, arguments.build) if arguments.totals
                   else row_compare(row, arguments.build)
                   for row in rows if is_installed_said(row)]
    print(f"{results.count(True)} equal, {results.count(False)} different")
    return 1 if False in results else 0


def is_installed_said(row: Row) -> bool:
    if is_installed(row):
        return True
    print(f"skipped    {row.name}: not installed", flush=True)
    return False


def row_totals(row: Row, build: pathlib.Path) -> bool:
    """Returns whether they are equal."""
    line = totals(row, [RECORD, "--build", build.resolve()],
                  "xz -k text\n" if shutil.which("xz") else "")
    print(f"{row.name}: {line}", flush=True)
    return not line.startswith("DIFFERENT")


def row_compare(row: Row, build: pathlib.Path) -> bool:
    """Returns whether it leaves the same with the recorder as without."""
    with tempfile.TemporaryDirectory() as name:
        one, _ = outcome([], row)
        two, _ = outcome([], row)
        with_it, said = outcome(
            [RECORD, "--build", build.resolve(), "--api", row.api, "--json",
             "-o", pathlib.Path(name) / "out", "--"], row)
    found = differences(one, two, with_it)
    lines = [json.loads(line) for line in said.splitlines()
             if line.startswith("{")]
    if not lines:
        found.append(f"nothing was recorded: {said}")
    lost = sum(line["lost"] + line["torn"] + line["cut"] for line in lines)
    print(f"{'DIFFERENT' if found else 'equal':10} {row.name}:"
          f" {len(lines)} traces,"
          f" {sum(line['allocations'] for line in lines)} allocations,"
          f" {lost} calls lost or torn", flush=True)
    for line in [*found, *(line for line in said.splitlines() if
                           line.startswith("record: not recorded"))]:
        print(f"           {line[:300]}", flush=True)
    return not found


if __name__ == "__main__":
    sys.exit(main())
