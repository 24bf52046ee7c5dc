/*
 * nginx's own pool functions, from nginx's own source file, with names that
 * begin with nginx_. They work on this library's pools, whose structs start as
 * nginx's structs do. They are there when the build has NGINX_SRC.
 */
#ifndef FUZZ_NGINX_H
#define FUZZ_NGINX_H

#include "run.h"

extern const struct run_nginx nginx_functions;

#endif
