#pragma once

#include "core/config.h"
#include "core/run/trace.h"
#include "core/run/writing.h"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sf {

inline constexpr float not_measured = std::numeric_limits<float>::quiet_NaN();

// What one step of training left behind. Losses in nats per token.
struct StepRecord {
    std::int64_t step = 0;  // after this many steps; 0: before the first
    float loss = not_measured;
    std::vector<float> mtp_loss;  // (depths)
    float balance_loss = 0;       // sequence-wise or auxiliary, times its factor
    float grad_norm = 0;          // before clipping
    float lr = 0, gamma = 0, lambda = 0, alpha = 0;
    float tokens_per_second = 0;
    float heldout_loss = not_measured, bigram_loss = not_measured;
    float floor = not_measured;  // that no model of the text trained on can be below
    // Tokens that were routed in this step and in those before it that were thinned out: what
    // `load` counts.
    std::int64_t tokens = 0;
    std::vector<std::int64_t> load;  // (layers, experts)
    std::vector<float> bias;         // (layers, experts), after the step
};

struct HistoryAbout {
    std::optional<double> floor;        // of the text that is trained on now; see StepRecord
    std::vector<std::string> corpora;   // labels of the kinds of text trained on
    std::string probe_text;             // what the probes read
    std::int64_t row_tokens = 0;        // of the longest rows trained on; 0: nobody wrote it down
    std::vector<Beginning> beginnings;  // what the model goes on with at kept steps
    bool operator==(const HistoryAbout&) const = default;
};

// The training run of one model: records of its steps and probes (core/run/probe.h).
//
// Thinned evenly: beyond `budget` records the stride doubles and only steps that are its multiples
// stay, and the latest. Values of a kept record are those of its own step, except that loads and
// tokens of dropped steps are added to the next kept one (sums stay true) and so passes on the
// latest held-out measurement. What is kept depends on the records alone, not on when a run was
// saved and resumed. Probes: at most max_probes, of the steps 0, 1, 2, 5, 10, ... and the latest;
// beyond that 2s and 5s go, smallest first. What the model of a step wrote goes with its probe.
//
// A value: copying costs a pointer per 64 records and per probe, so that the trainer may publish a
// copy each step; whoever holds a copy may read it in any thread while the original grows.
class History {
public:
    static constexpr std::size_t default_budget = 4096;
    static constexpr std::size_t min_budget = 4, max_budget = 65536;
    static constexpr std::size_t max_probes = 16;
    static constexpr std::int64_t max_step = 1'000'000'000'000;

    explicit History(const ModelConfig& config, std::size_t budget = default_budget);

    HistoryAbout about;

    const ModelConfig& config() const { return fixed_->config; }
    // The MoE layers in the order of `load`: "layers.1", ..., "mtp.1".
    const std::vector<std::string>& layers() const { return fixed_->layers; }
    std::int64_t experts() const { return fixed_->config.n_routed_experts; }
    std::int64_t mtp_depths() const { return fixed_->config.num_nextn_predict_layers; }

    // Throws ShapeError when sizes do not fit the model or the step is not after the latest.
    void add(StepRecord record);
    std::size_t size() const { return size_; }
    bool empty() const { return size_ == 0; }
    // In the order of steps.
    const StepRecord& operator[](std::size_t i) const;
    const StepRecord& back() const { return (*this)[size_ - 1]; }
    std::size_t upto(std::int64_t step) const;  // how many records are not after this step
    std::size_t budget() const { return budget_; }
    std::int64_t stride() const { return stride_; }

    // Forgets everything after a step: training goes on from there.
    void truncate(std::int64_t step);
    // The same with fewer records and probes, for a file that is shipped.
    History thinned(std::size_t budget, std::size_t probes = max_probes) const;

    // MaxVio (Wang et al. 2024, auxiliary-loss-free load balancing, section 3): the largest load
    // of an expert over the mean, minus 1, of record `index` and as many before it as hold
    // `window_tokens` tokens (all, when there are fewer). 0: even; NaN: no token was routed. After
    // thinning a record stands for all steps since the one before, so a window shorter than the
    // stride is as long as the stride.
    double violation(std::size_t layer, std::size_t index, std::int64_t window_tokens) const;

    // Keeps make_probe(trace, step); throws ShapeError when it is of another model. A probe of the
    // same step is replaced.
    void add_probe(std::int64_t step, const TracePtr& trace);
    std::vector<std::int64_t> probe_steps() const;
    // The nearest at or below a step; null when there is none.
    TracePtr probe(std::int64_t step) const;

    // Those that about.beginnings does not have yet, behind them: what kept steps wrote after them
    // is not known, so it is empty.
    void add_beginnings(const std::vector<Beginning>& more);
    // What the model of a kept step writes after about.beginnings. Throws ShapeError when nothing
    // of the step is kept or it is not one text for each of them.
    void add_written(std::int64_t step, Written written);
    // Of that very step; null: nobody wrote it down.
    std::shared_ptr<const Written> written(std::int64_t step) const;

    // For the reader of files, which has checked everything: records as they were written.
    static History restore(const ModelConfig& config, std::size_t budget, std::int64_t stride,
                           std::vector<StepRecord> records,
                           std::map<std::int64_t, TracePtr> probes);

private:
    struct Fixed {
        ModelConfig config;
        std::vector<std::string> layers;
    };
    using RecordPtr = std::shared_ptr<const StepRecord>;
    using Chunk = std::vector<RecordPtr>;  // chunk_size of them; the last may be shorter
    struct Kept {
        TracePtr probe;
        std::shared_ptr<const Written> written;
    };
    static constexpr std::size_t chunk_size = 64;

    void check(const StepRecord& record) const;
    bool on_stride(const StepRecord& record) const { return record.step % stride_ == 0; }
    const RecordPtr& at(std::size_t i) const;
    void push(RecordPtr record);
    void pop();
    void thin();
    void thin_probes(std::size_t most);

    std::shared_ptr<const Fixed> fixed_;
    std::size_t budget_;
    std::int64_t stride_ = 1;
    std::size_t size_ = 0;
    std::vector<std::shared_ptr<const Chunk>> chunks_;
    std::map<std::int64_t, Kept> probes_;
};

}  // namespace sf
