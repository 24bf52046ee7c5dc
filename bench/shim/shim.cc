#include "shim.h"

#include <cerrno>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <mutex>
#include <new>
#include <sstream>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

using benchmark::BenchmarkReporter;
using benchmark::Counter;
using benchmark::State;

/* google-benchmark's state; never copied. */
struct shim_state {
    State &state;
};

namespace
{

/* Lets the threads of a run go on once all of them have come. */
class Gate
{
  public:
    void
    pass(int threads)
    {
        std::unique_lock<std::mutex> lock(mutex_);
        const unsigned turn = turn_;

        if (++waiting_ == threads) {
            waiting_ = 0;
            turn_++;
            all_came_.notify_all();
            return;
        }
        all_came_.wait(lock, [&] { return turn_ != turn; });
    }

  private:
    std::mutex mutex_;
    std::condition_variable all_came_;
    int waiting_ = 0;
    unsigned turn_ = 0;
};

/* google-benchmark's own setup and teardown know neither a user pointer nor
 * which benchmark they are for, so they are called from here. */
class Family : public benchmark::internal::Benchmark
{
  public:
    Family(const char *name, shim_fn fn, void *user)
        : Benchmark(name), fn_(fn), user_(user)
    {
    }

    void
    Run(State &state) override
    {
        shim_state face{state};

        if (setup == nullptr && teardown == nullptr) {
            body(state);
            return;
        }
        if (state.thread_index() == 0 && setup != nullptr) {
            setup(&face, user_);
            skipped_ = state.error_occurred();
        }
        gate_.pass(state.threads());
        if (!skipped_) {
            body(state);
        } else if (!state.error_occurred()) {
            state.SkipWithError("skipped by the setup on the first thread");
        }
        gate_.pass(state.threads());
        if (state.thread_index() == 0 && teardown != nullptr) {
            teardown(&face, user_);
        }
    }

    shim_fn setup = nullptr;
    shim_fn teardown = nullptr;

  protected:
    virtual void
    body(State &state)
    {
        shim_state face{state};

        fn_(&face, user_);
    }

  private:
    shim_fn fn_;
    void *user_;
    Gate gate_;
    bool skipped_ = false; /* written before the gate, read after it */
};

/* The loop of shim_register_bare(). */
class Bare : public Family
{
  public:
    Bare(const char *name, int64_t batch)
        : Family(name, nullptr, nullptr), batch_(batch)
    {
    }

  protected:
    void
    body(State &state) override
    {
        while (state.KeepRunningBatch(batch_)) {
            for (int64_t i = 0; i < batch_; i++) {
                shim_keep(nullptr);
            }
        }
        state.SetItemsProcessed(state.iterations());
    }

  private:
    int64_t batch_;
};

/* The reason why a run failed, or NULL. From 1.8 on it is called skipped. */
template <typename Run>
auto
error_of(const Run &run, int) -> decltype(run.error_message.c_str())
{
    return run.error_occurred ? run.error_message.c_str() : nullptr;
}

template <typename Run>
const char *
error_of(const Run &run, long)
{
    return run.skipped ? run.skip_message.c_str() : nullptr;
}

const char *
big_o_name(benchmark::BigO big_o)
{
    switch (big_o) {
    case benchmark::o1:
        return "(1)";
    case benchmark::oN:
        return "N";
    case benchmark::oNSquared:
        return "N^2";
    case benchmark::oNCubed:
        return "N^3";
    case benchmark::oLogN:
        return "lgN";
    case benchmark::oNLogN:
        return "NlgN";
    default:
        return "f(N)";
    }
}

/* Hands each result to C. */
class Callback : public BenchmarkReporter
{
  public:
    Callback(shim_result_fn fn, void *user) : fn_(fn), user_(user)
    {
    }

    bool
    ReportContext(const Context &) override
    {
        return true;
    }

    void
    ReportRuns(const std::vector<Run> &runs) override
    {
        for (const Run &run : runs) {
            report(run);
        }
    }

  private:
    void
    report(const Run &run)
    {
        std::string name = run.run_name.function_name;
        const std::string full_name = run.benchmark_name();
        const bool is_aggregate = run.run_type == Run::RT_Aggregate;
        const bool is_fit = run.report_big_o || run.report_rms;
        std::vector<shim_counter> counters;
        shim_result result = {};

        if (!run.run_name.args.empty()) {
            name += "/" + run.run_name.args;
        }
        for (const auto &counter : run.counters) {
            counters.push_back({counter.first.c_str(), counter.second.value});
        }
        result.name = name.c_str();
        result.full_name = full_name.c_str();
        result.aggregate = is_aggregate ? run.aggregate_name.c_str() : nullptr;
        result.big_o = is_fit ? big_o_name(run.complexity) : nullptr;
        result.error = error_of(run, 0);
        result.label = run.report_label.c_str();
        result.family_index = run.family_index;
        result.family_instance = run.per_family_instance_index;
        result.repetition_index = is_aggregate ? -1 : run.repetition_index;
        result.repetitions = run.repetitions;
        result.threads = run.threads;
        result.iterations = result.error != nullptr ? 0 : run.iterations;
        result.real_time = run.GetAdjustedRealTime();
        result.cpu_time = run.GetAdjustedCPUTime();
        result.unit = benchmark::GetTimeUnitString(run.time_unit);
        result.counters = counters.data();
        result.counters_count = counters.size();
        fn_(&result, user_);
    }

    shim_result_fn fn_;
    void *user_;
};

/* Passes everything on to several reporters. */
class Fan : public BenchmarkReporter
{
  public:
    void
    add(std::unique_ptr<BenchmarkReporter> reporter)
    {
        reporters_.push_back(std::move(reporter));
    }

    bool
    ReportContext(const Context &context) override
    {
        bool go = true;

        for (auto &reporter : reporters_) {
            go = reporter->ReportContext(context) && go;
        }
        return go;
    }

    void
    ReportRuns(const std::vector<Run> &runs) override
    {
        for (auto &reporter : reporters_) {
            reporter->ReportRuns(runs);
        }
    }

    void
    Finalize() override
    {
        for (auto &reporter : reporters_) {
            reporter->Finalize();
        }
    }

  private:
    std::vector<std::unique_ptr<BenchmarkReporter>> reporters_;
};

Family *
family(shim_benchmark *benchmark)
{
    return reinterpret_cast<Family *>(benchmark);
}

/* google-benchmark owns it from here on. */
shim_benchmark *
enroll(Family *family)
{
    benchmark::internal::RegisterBenchmarkInternal(family);
    return reinterpret_cast<shim_benchmark *>(family);
}

int
run_all(const shim_options &options)
{
    Fan fan;
    std::ofstream json;

    if (options.console != 0) {
        fan.add(std::make_unique<benchmark::ConsoleReporter>());
    }
    if (options.json_path != nullptr) {
        auto reporter = std::make_unique<benchmark::JSONReporter>();

        errno = 0;
        json.open(options.json_path);
        if (!json) {
            return errno != 0 ? -errno : -EIO;
        }
        reporter->SetOutputStream(&json);
        fan.add(std::move(reporter));
    }
    if (options.on_result != nullptr) {
        fan.add(std::make_unique<Callback>(options.on_result, options.user));
    }

    const size_t count = benchmark::RunSpecifiedBenchmarks(
        &fan, options.filter != nullptr ? options.filter : ".");

    if (options.json_path != nullptr) {
        json.close();
        if (!json) {
            return -EIO;
        }
    }
    return static_cast<int>(count);
}

} // namespace

void
shim_init(int *argc, char **argv) noexcept
{
    benchmark::Initialize(argc, argv);
}

void
shim_context_add(const char *key, const char *value) noexcept
{
    benchmark::AddCustomContext(key, value);
}

char *
shim_context_json(void) noexcept
{
    try {
        std::ostringstream out;
        benchmark::JSONReporter reporter;

        /* It writes {"context": {...}, "benchmarks": [ and leaves it open. */
        reporter.SetOutputStream(&out);
        reporter.ReportContext(BenchmarkReporter::Context());
        const std::string text = out.str();
        const size_t start = text.find('{', 1);
        const size_t end = text.rfind('}') + 1;

        return strdup(text.substr(start, end - start).c_str());
    } catch (const std::bad_alloc &) {
        return nullptr;
    }
}

shim_benchmark *
shim_register(const char *name, shim_fn fn, void *user) noexcept
{
    try {
        return enroll(new Family(name, fn, user));
    } catch (const std::bad_alloc &) {
        return nullptr;
    }
}

shim_benchmark *
shim_register_bare(const char *name, int64_t batch) noexcept
{
    try {
        return enroll(new Bare(name, batch));
    } catch (const std::bad_alloc &) {
        return nullptr;
    }
}

void
shim_clear(void) noexcept
{
    benchmark::ClearRegisteredBenchmarks();
}

int
shim_run(const shim_options *options) noexcept
{
    try {
        return run_all(*options);
    } catch (const std::bad_alloc &) {
        return -ENOMEM;
    }
}

void
shim_benchmark_arg(shim_benchmark *benchmark, int64_t value) noexcept
{
    family(benchmark)->Arg(value);
}

void
shim_benchmark_args(shim_benchmark *benchmark, const int64_t *values,
                    size_t count) noexcept
{
    family(benchmark)->Args(std::vector<int64_t>(values, values + count));
}

void
shim_benchmark_range(shim_benchmark *benchmark, int64_t low,
                     int64_t high) noexcept
{
    family(benchmark)->Range(low, high);
}

void
shim_benchmark_threads(shim_benchmark *benchmark, int threads) noexcept
{
    family(benchmark)->Threads(threads);
}

void
shim_benchmark_setup(shim_benchmark *benchmark, shim_fn setup) noexcept
{
    family(benchmark)->setup = setup;
}

void
shim_benchmark_teardown(shim_benchmark *benchmark, shim_fn teardown) noexcept
{
    family(benchmark)->teardown = teardown;
}

void
shim_benchmark_iterations(shim_benchmark *benchmark,
                          int64_t iterations) noexcept
{
    family(benchmark)->Iterations(iterations);
}

void
shim_benchmark_min_time(shim_benchmark *benchmark, double seconds) noexcept
{
    family(benchmark)->MinTime(seconds);
}

void
shim_benchmark_repetitions(shim_benchmark *benchmark, int repetitions) noexcept
{
    family(benchmark)->Repetitions(repetitions);
}

void
shim_benchmark_complexity(shim_benchmark *benchmark,
                          enum shim_complexity complexity) noexcept
{
    static const benchmark::BigO big_o[] = {
        benchmark::o1,      benchmark::oN,    benchmark::oNSquared,
        benchmark::oNCubed, benchmark::oLogN, benchmark::oNLogN,
        benchmark::oAuto,
    };

    family(benchmark)->Complexity(big_o[complexity]);
}

void
shim_benchmark_real_time(shim_benchmark *benchmark) noexcept
{
    family(benchmark)->UseRealTime();
}

void
shim_benchmark_manual_time(shim_benchmark *benchmark) noexcept
{
    family(benchmark)->UseManualTime();
}

void
shim_benchmark_unit(shim_benchmark *benchmark, enum shim_unit unit) noexcept
{
    static const benchmark::TimeUnit units[] = {
        benchmark::kNanosecond,
        benchmark::kMicrosecond,
        benchmark::kMillisecond,
        benchmark::kSecond,
    };

    family(benchmark)->Unit(units[unit]);
}

int
shim_state_next(shim_state *state, int64_t batch) noexcept
{
    return state->state.KeepRunningBatch(batch);
}

void
shim_state_pause(shim_state *state) noexcept
{
    state->state.PauseTiming();
}

void
shim_state_resume(shim_state *state) noexcept
{
    state->state.ResumeTiming();
}

void
shim_state_set_time(shim_state *state, double seconds) noexcept
{
    state->state.SetIterationTime(seconds);
}

void
shim_state_skip(shim_state *state, const char *reason) noexcept
{
    state->state.SkipWithError(reason);
}

int64_t
shim_state_arg(const shim_state *state, size_t n) noexcept
{
    return state->state.range(n);
}

int64_t
shim_state_iterations(const shim_state *state) noexcept
{
    return state->state.iterations();
}

int
shim_state_thread(const shim_state *state) noexcept
{
    return state->state.thread_index();
}

int
shim_state_threads(const shim_state *state) noexcept
{
    return state->state.threads();
}

void
shim_state_items(shim_state *state, int64_t items) noexcept
{
    state->state.SetItemsProcessed(items);
}

void
shim_state_bytes(shim_state *state, int64_t bytes) noexcept
{
    state->state.SetBytesProcessed(bytes);
}

void
shim_state_counter(shim_state *state, const char *name, double value,
                   unsigned flags) noexcept
{
    static const struct {
        unsigned flag;
        Counter::Flags theirs;
    } table[] = {
        {SHIM_COUNTER_RATE, Counter::kIsRate},
        {SHIM_COUNTER_PER_THREAD, Counter::kAvgThreads},
        {SHIM_COUNTER_EACH_ITERATION, Counter::kIsIterationInvariant},
        {SHIM_COUNTER_PER_ITERATION, Counter::kAvgIterations},
        {SHIM_COUNTER_INVERT, Counter::kInvert},
    };
    Counter::Flags theirs = Counter::kDefaults;

    for (const auto &row : table) {
        if ((flags & row.flag) != 0) {
            theirs = theirs | row.theirs;
        }
    }
    state->state.counters[name] = Counter(value, theirs);
}

void
shim_state_complexity_n(shim_state *state, int64_t n) noexcept
{
    state->state.SetComplexityN(n);
}

void
shim_state_label(shim_state *state, const char *label) noexcept
{
    state->state.SetLabel(label);
}
