#include "plan/inputs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "measure/process.h"

enum {
    /* Samples after which sizes begin again: more than a branch predictor
     * learns, and as sizes of 4 bytes still less than a second-level cache. */
    INPUTS_PERIOD = 16 * 1024,

    INPUTS_ALIGNMENT = 64, /* of each part of the memory */
};

/* The memory begins with these. Offsets are from its start, in bytes. */
struct inputs_head {
    uint64_t samples_count;
    uint64_t traces_count;
    uint64_t samples; /* where struct inputs_samples begin */
    uint64_t traces;  /* where struct inputs_trace begin */
};

struct inputs_samples {
    uint64_t period;
    uint64_t sizes;
    uint64_t sums;
};

struct inputs_trace {
    struct replay replay; /* without its ops */
    uint64_t ops[REPLAY_FOR];
};

/* Memory that is filled from its start. memory NULL: only counts bytes. */
struct writer {
    char *memory;
    size_t used;
};

static void open_samples(struct inputs *inputs, const struct inputs_head *head,
                         size_t i);
static void open_trace(struct inputs *inputs, const struct inputs_head *head,
                       size_t i);
static void write_all(struct writer *writer, struct sizes *const *sizes,
                      size_t sizes_count, struct replay *const *traces,
                      size_t traces_count);
static void write_samples(struct writer *writer, const struct sizes *sizes,
                          uint64_t at);
static void write_trace(struct writer *writer, const struct replay *replay,
                        uint64_t at);
static uint64_t writer_take(struct writer *writer, size_t size);
static void *writer_at(const struct writer *writer, uint64_t offset);

int
inputs_init(struct inputs *inputs, struct sizes *const *sizes,
            size_t sizes_count, struct replay *const *traces)
{
    struct writer writer = {0};
    struct process memory;
    size_t traces_count = 0;
    int err;
    int fd;

    while (traces[traces_count] != NULL) {
        traces_count++;
    }
    write_all(&writer, sizes, sizes_count, traces, traces_count);
    err = process_init(&memory, writer.used);
    if (err != 0) {
        return err;
    }
    writer = (struct writer){.memory = memory.memory};
    write_all(&writer, sizes, sizes_count, traces, traces_count);
    fd = fcntl(memory.fd, F_DUPFD_CLOEXEC, 0);
    err = fd >= 0 ? inputs_open(inputs, fd) : -errno;
    if (err != 0 && fd >= 0) {
        (void) close(fd);
    }
    process_done(&memory);
    return err;
}

int
inputs_open(struct inputs *inputs, int fd)
{
    struct inputs opened = {.fd = fd};
    const struct inputs_head *head;
    struct stat status;

    if (fstat(fd, &status) != 0) {
        return -errno;
    }
    opened.size = (size_t) status.st_size;
    opened.memory =
        mmap(NULL, opened.size, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
    if (opened.memory == MAP_FAILED) {
        return -errno;
    }
    head = opened.memory;
    opened.samples_count = head->samples_count;
    opened.traces_count = head->traces_count;
    opened.samples = calloc(opened.samples_count + 1, sizeof(*opened.samples));
    opened.traces = calloc(opened.traces_count + 1, sizeof(*opened.traces));
    if (opened.samples == NULL || opened.traces == NULL) {
        opened.fd = -1;
        inputs_done(&opened);
        return -ENOMEM;
    }
    for (size_t i = 0; i < opened.samples_count; i++) {
        open_samples(&opened, head, i);
    }
    for (size_t i = 0; i < opened.traces_count; i++) {
        open_trace(&opened, head, i);
    }
    *inputs = opened;
    return 0;
}

static void
open_samples(struct inputs *inputs, const struct inputs_head *head, size_t i)
{
    const char *memory = inputs->memory;
    const struct inputs_samples *samples =
        (const void *) (memory + head->samples + i * sizeof(*samples));

    inputs->samples[i] = (struct samples){
        .sizes = (const void *) (memory + samples->sizes),
        .sums = (const void *) (memory + samples->sums),
        .period = samples->period,
    };
}

static void
open_trace(struct inputs *inputs, const struct inputs_head *head, size_t i)
{
    char *memory = inputs->memory;
    const struct inputs_trace *trace =
        (const void *) (memory + head->traces + i * sizeof(*trace));

    inputs->traces[i] = trace->replay;
    for (size_t executor = 0; executor < REPLAY_FOR; executor++) {
        inputs->traces[i].ops[executor] =
            (void *) (memory + trace->ops[executor]);
    }
}

void
inputs_done(struct inputs *inputs)
{
    if (inputs->memory == NULL) {
        return;
    }
    free(inputs->samples);
    free(inputs->traces);
    (void) munmap(inputs->memory, inputs->size);
    if (inputs->fd >= 0) {
        (void) close(inputs->fd);
    }
}

static void
write_all(struct writer *writer, struct sizes *const *sizes, size_t sizes_count,
          struct replay *const *traces, size_t traces_count)
{
    uint64_t start = writer_take(writer, sizeof(struct inputs_head));
    struct inputs_head *head = writer_at(writer, start);
    struct inputs_head made = {.samples_count = sizes_count,
                               .traces_count = traces_count};

    made.samples =
        writer_take(writer, sizes_count * sizeof(struct inputs_samples));
    made.traces =
        writer_take(writer, traces_count * sizeof(struct inputs_trace));
    if (head != NULL) {
        *head = made;
    }
    for (size_t i = 0; i < sizes_count; i++) {
        write_samples(writer, sizes[i],
                      made.samples + i * sizeof(struct inputs_samples));
    }
    for (size_t i = 0; i < traces_count; i++) {
        write_trace(writer, traces[i],
                    made.traces + i * sizeof(struct inputs_trace));
    }
}

static void
write_samples(struct writer *writer, const struct sizes *sizes, uint64_t at)
{
    struct inputs_samples *head = writer_at(writer, at);
    struct inputs_samples made = {
        .period = sizes_period(sizes, INPUTS_PERIOD),
    };
    uint32_t *sampled;
    uint64_t *sums;

    made.sizes = writer_take(writer, made.period * sizeof(*sampled));
    made.sums = writer_take(writer, (made.period + 1) * sizeof(*sums));
    sampled = writer_at(writer, made.sizes);
    sums = writer_at(writer, made.sums);
    if (head == NULL || sampled == NULL || sums == NULL) {
        return;
    }
    *head = made;
    sizes_sample(sizes, sampled, made.period);
    sums[0] = 0;
    for (size_t i = 0; i < made.period; i++) {
        sums[i + 1] = sums[i] + sampled[i];
    }
}

static void
write_trace(struct writer *writer, const struct replay *replay, uint64_t at)
{
    struct inputs_trace *trace = writer_at(writer, at);

    if (trace != NULL) {
        trace->replay = *replay;
    }
    for (size_t executor = 0; executor < REPLAY_FOR; executor++) {
        size_t size = replay->counts[executor] * sizeof(struct replay_op);
        uint64_t offset = writer_take(writer, size);

        if (trace != NULL && size != 0) {
            trace->ops[executor] = offset;
            memcpy(writer_at(writer, offset), replay->ops[executor], size);
        }
    }
}

/* Returns the offset of size more bytes. */
static uint64_t
writer_take(struct writer *writer, size_t size)
{
    uint64_t offset = writer->used;

    writer->used +=
        (size + INPUTS_ALIGNMENT - 1) / INPUTS_ALIGNMENT * INPUTS_ALIGNMENT;
    return offset;
}

/* The address of offset; NULL while bytes are counted. */
static void *
writer_at(const struct writer *writer, uint64_t offset)
{
    return writer->memory != NULL ? writer->memory + offset : NULL;
}

uint64_t
samples_sum(const struct samples *samples, size_t at, size_t n)
{
    const uint64_t *sums = samples->sums;
    size_t period = samples->period;
    size_t end = (at + n) % period;
    uint64_t bytes = n / period * sums[period];

    if (end < at && n % period != 0) {
        return bytes + sums[period] - sums[at] + sums[end];
    }
    return bytes + sums[end] - sums[at];
}

size_t
samples_largest(const struct samples *samples, size_t n)
{
    size_t largest = 0;

    for (size_t at = 0; at < samples->period; at++) {
        size_t size = samples_sum(samples, at, n);

        largest = size > largest ? size : largest;
    }
    return largest;
}
