#include "plan/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "help.h"

enum {
    OPTIONS_ROUNDS_MAX = 1000,
};

static int options_set(struct options *options, int option);
static int options_add(char *files, const char *name, const char *file);
static int options_check_label(const char *label);
static int options_check_resume(const struct options *options);

enum {
    OPTION_LABEL = 1,
    OPTION_FILTER,
    OPTION_ALLOCATORS,
    OPTION_SIZES,
    OPTION_WORKLOADS,
    OPTION_ROUNDS,
    OPTION_NS,
    OPTION_RESULTS,
    OPTION_SEED,
    OPTION_SIZES_DIR,
    OPTION_TRACES,
    OPTION_MALLOC,
    OPTION_PLUGIN,
};

int
options_parse(struct options *options, int argc, char **argv)
{
    const struct option known[] = {
        {"allocators", required_argument, NULL, OPTION_ALLOCATORS},
        {"filter", required_argument, NULL, OPTION_FILTER},
        {"force", no_argument, &options->force, 1},
        {"help", no_argument, &options->help, 1},
        {"label", required_argument, NULL, OPTION_LABEL},
        {"list", no_argument, &options->list, 1},
        {"malloc", required_argument, NULL, OPTION_MALLOC},
        {"ns", required_argument, NULL, OPTION_NS},
        {"plugin", required_argument, NULL, OPTION_PLUGIN},
        {"quick", no_argument, &options->quick, 1},
        {"resume", no_argument, &options->resume, 1},
        {"results", required_argument, NULL, OPTION_RESULTS},
        {"rounds", required_argument, NULL, OPTION_ROUNDS},
        {"seed", required_argument, NULL, OPTION_SEED},
        {"sizes", required_argument, NULL, OPTION_SIZES},
        {"sizes-dir", required_argument, NULL, OPTION_SIZES_DIR},
        {"traces", required_argument, NULL, OPTION_TRACES},
        {"workloads", required_argument, NULL, OPTION_WORKLOADS},
        {NULL, 0, NULL, 0},
    };
    int option;

    *options = (struct options){.results = BENCH_RESULTS_DIR,
                                .sizes_dir = BENCH_SIZES_DIR};
    optind = 1;
    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (options_set(options, option) != 0) {
            return -EINVAL;
        }
    }
    if (options->resume && options_check_resume(options) != 0) {
        return -EINVAL;
    }
    if (optind < argc) {
        fprintf(stderr, "bench: found \"%s\", expected an option; see --help\n",
                argv[optind]);
        return -EINVAL;
    }
    return 0;
}

void
options_print_help(FILE *out)
{
    fputs(help, out);
}

static int
options_set(struct options *options, int option)
{
    char *end;
    long rounds;

    switch (option) {
    case 0:
        return 0;
    case OPTION_LABEL:
        options->label = optarg;
        return options_check_label(optarg);
    case OPTION_FILTER:
        options->filter = optarg;
        return 0;
    case OPTION_ALLOCATORS:
        options->allocators = optarg;
        return 0;
    case OPTION_SIZES:
        options->sizes = optarg;
        return 0;
    case OPTION_WORKLOADS:
        options->workloads = optarg;
        return 0;
    case OPTION_RESULTS:
        options->results = optarg;
        return 0;
    case OPTION_SIZES_DIR:
        options->sizes_dir = optarg;
        return 0;
    case OPTION_TRACES:
        options->traces = optarg;
        return 0;
    case OPTION_MALLOC:
        return options_add(options->mallocs, "--malloc", optarg);
    case OPTION_PLUGIN:
        return options_add(options->plugins, "--plugin", optarg);
    case OPTION_ROUNDS:
        rounds = strtol(optarg, &end, 10);
        if (end == optarg || *end != '\0' || rounds < 1 ||
            rounds > OPTIONS_ROUNDS_MAX) {
            fprintf(stderr, "bench: --rounds: found \"%s\", expected 1 to %d\n",
                    optarg, OPTIONS_ROUNDS_MAX);
            return -EINVAL;
        }
        options->rounds = (int) rounds;
        return 0;
    case OPTION_NS:
        options->ns = optarg;
        return 0;
    case OPTION_SEED:
        errno = 0;
        options->has_seed = 1;
        options->seed = strtoull(optarg, &end, 10);
        if (*optarg < '0' || *optarg > '9' || *end != '\0' || errno != 0) {
            fprintf(stderr,
                    "bench: --seed: found \"%s\", expected a whole number\n",
                    optarg);
            return -EINVAL;
        }
        return 0;
    default:
        fputs("bench: see --help\n", stderr);
        return -EINVAL;
    }
}

/* Append a file to a list, with a comma between. */
static int
options_add(char *files, const char *name, const char *file)
{
    size_t length = strlen(files);
    int added = snprintf(files + length, OPTIONS_FILES_MAX - length, "%s%s",
                         length != 0 ? "," : "", file);

    if (file[0] == '\0' || (size_t) added >= OPTIONS_FILES_MAX - length) {
        fprintf(stderr, "bench: %s: found \"%.64s\", expected a file%s\n", name,
                file,
                file[0] != '\0' ? ", of a list of 4095 bytes at most" : "");
        return -EINVAL;
    }
    return 0;
}

/* It becomes a folder's name. */
static int
options_check_label(const char *label)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

    if (*label == '\0' || *label == '.' ||
        label[strspn(label, allowed)] != '\0') {
        fprintf(stderr,
                "bench: --label: found \"%s\", expected letters, digits, "
                "\".\", \"_\" and \"-\", no \".\" first\n",
                label);
        return -EINVAL;
    }
    return 0;
}

/* A run goes on as it began: nothing can be chosen. */
static int
options_check_resume(const struct options *options)
{
    const char *const chosen[] = {options->filter,
                                  options->allocators,
                                  options->sizes,
                                  options->workloads,
                                  options->traces,
                                  options->ns,
                                  options->mallocs[0] ? options->mallocs : NULL,
                                  options->plugins[0] ? options->plugins
                                                      : NULL};
    int others = options->quick || options->force || options->list ||
                 options->has_seed || options->rounds != 0 ||
                 strcmp(options->sizes_dir, BENCH_SIZES_DIR) != 0;

    for (size_t i = 0; i < sizeof(chosen) / sizeof(chosen[0]); i++) {
        others |= chosen[i] != NULL;
    }
    if (options->label == NULL) {
        fputs("bench: --resume: found no --label, expected that of the run to "
              "resume\n",
              stderr);
        return -EINVAL;
    }
    if (others) {
        fputs("bench: --resume: found another option, expected --label and "
              "--results alone: the run goes on as it began\n",
              stderr);
        return -EINVAL;
    }
    return 0;
}
