#!/bin/bash -eu
# Builds every fuzz target into $OUT, with its seeds, dictionary and options.
# OSS-Fuzz and ClusterFuzzLite call it with CC, CXX, CFLAGS, CXXFLAGS and
# LIB_FUZZING_ENGINE set, in the folder of this project's source.
# Without NGINX_SRC, or $SRC/nginx, the target pool_mixed is left out.

[ -f fuzz/oss-fuzz/meson.build ] || cd "$SRC/ngxpool"
source=$PWD
build=$WORK/ngxpool
if [ -z "${NGINX_SRC-}" ] && [ -d "$SRC/nginx" ]; then
    export NGINX_SRC=$SRC/nginx
fi

# AFL++ has no flags for single files: a list names the files that it instruments.
export AFL_LLVM_ALLOWLIST=$source/fuzz/afl-allowlist.txt
# The tools that make seeds have the flags of the targets. They must not report
# leaks, and must not write coverage into the source folder.
export ASAN_OPTIONS=${ASAN_OPTIONS-}:detect_leaks=0
export LLVM_PROFILE_FILE=/dev/null

rm -rf "$build"
meson setup "$build" "$source" --buildtype plain --prefix "$OUT" --bindir . \
    -Db_lundef=false
ninja -C "$build" fuzz_out
meson install -C "$build" --no-rebuild --tags fuzz
