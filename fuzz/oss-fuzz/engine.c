/*
 * A stand-in for an engine of OSS-Fuzz, with the same interface. contract.py
 * links it when the real engine is not installed. The code under test is
 * compiled with -fsanitize-coverage=trace-pc-guard.
 *
 * usage: TARGET RUNS FILE...
 *
 * Runs the target with RUNS inputs: the files, and then the files again with
 * one byte changed. Prints the number of inputs, the number of edges that they
 * reached, and the number of all edges.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    INPUT_SIZE_MAX = 64 * 1024,
};

/* Weak, as in honggfuzz: the reference takes no object from an archive. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
    __attribute__((weak));
int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak));

/* The compiler's code calls these, see SanitizerCoverage in clang's manual. */
void __sanitizer_cov_trace_pc_guard_init(uint32_t *start, uint32_t *stop);
void __sanitizer_cov_trace_pc_guard(uint32_t *guard);

static size_t edges;
static size_t reached;

static void run_file(const char *path, size_t round);

int
main(int argc, char **argv)
{
    unsigned long runs;

    if (argc < 3 || LLVMFuzzerTestOneInput == NULL) {
        fprintf(stderr, "usage: %s RUNS FILE...\n", argv[0]);
        return 2;
    }
    if (LLVMFuzzerInitialize != NULL) {
        (void) LLVMFuzzerInitialize(&argc, &argv);
    }
    runs = strtoul(argv[1], NULL, 10);
    for (unsigned long i = 0; i < runs; i++) {
        size_t files = (size_t) argc - 2;

        run_file(argv[2 + i % files], i / files);
    }
    printf("%lu runs, %zu of %zu edges\n", runs, reached, edges);
    return 0;
}

void
__sanitizer_cov_trace_pc_guard_init(uint32_t *start, uint32_t *stop)
{
    if (start == stop || *start != 0) {
        return;
    }
    for (uint32_t *guard = start; guard < stop; guard++) {
        *guard = (uint32_t) ++edges;
    }
}

void
__sanitizer_cov_trace_pc_guard(uint32_t *guard)
{
    if (*guard != 0) {
        *guard = 0;
        reached++;
    }
}

/* Runs the target with a file: unchanged in round 0, with another byte changed
 * in each later round. */
static void
run_file(const char *path, size_t round)
{
    static uint8_t data[INPUT_SIZE_MAX];
    FILE *file = fopen(path, "rb");
    size_t size;

    if (file == NULL) {
        perror(path);
        exit(2);
    }
    size = fread(data, 1, sizeof(data), file);
    (void) fclose(file);
    if (round != 0 && size != 0) {
        data[round % size] ^= (uint8_t) round;
    }
    (void) LLVMFuzzerTestOneInput(data, size);
}
