#include "core/run/history.h"

#include "core/error.h"
#include "core/run/probe.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace sf {

namespace {

std::vector<std::string> moe_layers(const ModelConfig& config) {
    std::vector<std::string> names;
    for (std::int64_t i = 0; i < config.num_hidden_layers; ++i)
        if (config.is_moe(i)) names.push_back("layers." + std::to_string(i));
    for (std::int64_t k = 1; k <= config.num_nextn_predict_layers; ++k)
        if (config.is_moe(config.num_hidden_layers + k - 1))
            names.push_back("mtp." + std::to_string(k));
    return names;
}

// What a dropped record leaves to the next one.
void absorb(StepRecord& next, const StepRecord& dropped) {
    next.tokens += dropped.tokens;
    for (std::size_t i = 0; i < next.load.size(); ++i) next.load[i] += dropped.load[i];
    if (std::isnan(next.heldout_loss)) next.heldout_loss = dropped.heldout_loss;
    if (std::isnan(next.bigram_loss)) next.bigram_loss = dropped.bigram_loss;
}

bool is_power_of_ten(std::int64_t step) {
    while (step > 0 && step % 10 == 0) step /= 10;
    return step == 1;
}

}  // namespace

History::History(const ModelConfig& config, std::size_t budget)
    : fixed_(std::make_shared<const Fixed>(Fixed{config, moe_layers(config)})),
      budget_(std::clamp(budget, min_budget, max_budget)) {}

const History::RecordPtr& History::at(std::size_t i) const {
    return (*chunks_[i / chunk_size])[i % chunk_size];
}

const StepRecord& History::operator[](std::size_t i) const {
    if (i >= size_)
        throw ShapeError("history",
                         "has no record " + std::to_string(i) + " of " + std::to_string(size_));
    return *at(i);
}

// Chunks are shared with copies: the last one is replaced, never written.
void History::push(RecordPtr record) {
    Chunk chunk;
    chunk.reserve(chunk_size);
    if (size_ % chunk_size != 0) {
        chunk = *chunks_.back();
        chunks_.pop_back();
    }
    chunk.push_back(std::move(record));
    chunks_.push_back(std::make_shared<const Chunk>(std::move(chunk)));
    ++size_;
}

void History::pop() {
    Chunk chunk = *chunks_.back();
    chunks_.pop_back();
    chunk.pop_back();
    if (!chunk.empty()) chunks_.push_back(std::make_shared<const Chunk>(std::move(chunk)));
    --size_;
}

void History::check(const StepRecord& record) const {
    const auto refuse = [](const std::string& reason) { return ShapeError("history", reason); };
    if (record.step < 0 || record.step > max_step)
        throw refuse("step " + std::to_string(record.step) + " is out of range");
    if (!empty() && record.step <= back().step)
        throw refuse("step " + std::to_string(record.step) + " is not after " +
                     std::to_string(back().step));
    const std::size_t cells = layers().size() * static_cast<std::size_t>(experts());
    if (record.load.size() != cells || record.bias.size() != cells)
        throw refuse("load and bias need " + std::to_string(cells) + " values, got " +
                     std::to_string(record.load.size()) + " and " +
                     std::to_string(record.bias.size()));
    if (record.mtp_loss.size() != static_cast<std::size_t>(mtp_depths()))
        throw refuse("mtp_loss needs " + std::to_string(mtp_depths()) + " values, got " +
                     std::to_string(record.mtp_loss.size()));
}

void History::add(StepRecord record) {
    check(record);
    if (!empty() && !on_stride(back())) {
        absorb(record, back());
        pop();
    }
    push(std::make_shared<const StepRecord>(std::move(record)));
    while (size_ > budget_) thin();
}

void History::thin() {
    stride_ *= 2;
    const auto old = std::move(chunks_);
    const std::size_t count = size_;
    chunks_.clear();
    size_ = 0;
    Chunk chunk;
    const auto flush = [&] {
        if (chunk.empty()) return;
        size_ += chunk.size();
        chunks_.push_back(std::make_shared<const Chunk>(std::exchange(chunk, {})));
    };
    const StepRecord* dropped = nullptr;
    RecordPtr sum;  // of the records dropped since the last kept one
    for (std::size_t i = 0; i < count; ++i) {
        RecordPtr record = (*old[i / chunk_size])[i % chunk_size];
        if (dropped) {
            auto both = std::make_shared<StepRecord>(*record);
            absorb(*both, *dropped);
            record = std::move(both);
        }
        if (!on_stride(*record) && i + 1 < count) {
            sum = std::move(record);
            dropped = sum.get();
            continue;
        }
        dropped = nullptr;
        chunk.push_back(std::move(record));
        if (chunk.size() == chunk_size) flush();
    }
    flush();
}

std::size_t History::upto(std::int64_t step) const {
    std::size_t low = 0, high = size_;
    while (low < high) {
        const std::size_t middle = low + (high - low) / 2;
        if (at(middle)->step <= step)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void History::truncate(std::int64_t step) {
    while (!empty() && back().step > step) pop();
    probes_.erase(probes_.upper_bound(step), probes_.end());
}

History History::thinned(std::size_t budget, std::size_t probes) const {
    History copy = *this;
    copy.budget_ = std::clamp(budget, min_budget, max_budget);
    while (copy.size_ > copy.budget_) copy.thin();
    copy.thin_probes(probes);
    return copy;
}

void History::thin_probes(std::size_t most) {
    while (probes_.size() > most) {
        const auto latest = std::prev(probes_.end());
        const auto drop = std::find_if(probes_.begin(), latest, [](const auto& item) {
            return item.first != 0 && !is_power_of_ten(item.first);
        });
        // Powers of ten alone within max_step are fewer than max_probes.
        if (drop == latest) return;
        probes_.erase(drop);
    }
}

double History::violation(std::size_t layer, std::size_t index, std::int64_t window_tokens) const {
    if (layer >= layers().size())
        throw ShapeError("history", "has no MoE layer " + std::to_string(layer) + " of " +
                                        std::to_string(layers().size()));
    const auto width = static_cast<std::size_t>(experts());
    std::vector<double> load(width);
    std::int64_t tokens = 0;
    for (std::size_t i = index + 1; i-- > 0;) {
        const StepRecord& record = (*this)[i];
        for (std::size_t e = 0; e < width; ++e)
            load[e] += static_cast<double>(record.load[layer * width + e]);
        tokens += record.tokens;
        if (tokens >= window_tokens) break;
    }
    double sum = 0;
    for (const double n : load) sum += n;
    if (!(sum > 0)) return std::numeric_limits<double>::quiet_NaN();
    return *std::max_element(load.begin(), load.end()) * static_cast<double>(width) / sum - 1;
}

void History::add_probe(std::int64_t step, const TracePtr& trace) {
    if (trace->graph->config != config())
        throw ShapeError("history", "a probe is of another model");
    if (step < 0 || step > max_step)
        throw ShapeError("history", "step " + std::to_string(step) + " is out of range");
    // The end of an earlier part of the run is kept only as long as it is the latest.
    if (const auto last = probes_.empty() ? probes_.end() : std::prev(probes_.end());
        last != probes_.end() && last->first < step && !is_probe_step(last->first))
        probes_.erase(last);
    probes_[step] = {make_probe(*trace, step), nullptr};
    thin_probes(max_probes);
}

std::vector<std::int64_t> History::probe_steps() const {
    std::vector<std::int64_t> steps;
    for (const auto& [step, kept] : probes_) steps.push_back(step);
    return steps;
}

TracePtr History::probe(std::int64_t step) const {
    const auto after = probes_.upper_bound(step);
    return after == probes_.begin() ? nullptr : std::prev(after)->second.probe;
}

void History::add_beginnings(const std::vector<Beginning>& more) {
    auto& all = about.beginnings;
    for (const Beginning& b : more)
        if (std::find(all.begin(), all.end(), b) == all.end()) all.push_back(b);
    for (auto& [step, kept] : probes_) {
        if (!kept.written || kept.written->size() == all.size()) continue;
        Written longer = *kept.written;
        longer.resize(all.size());
        kept.written = std::make_shared<const Written>(std::move(longer));
    }
}

void History::add_written(std::int64_t step, Written written) {
    const auto kept = probes_.find(step);
    if (kept == probes_.end())
        throw ShapeError("history", "keeps nothing of step " + std::to_string(step));
    if (written.size() != about.beginnings.size())
        throw ShapeError("history", "needs " + std::to_string(about.beginnings.size()) +
                                        " texts, got " + std::to_string(written.size()));
    kept->second.written = std::make_shared<const Written>(std::move(written));
}

std::shared_ptr<const Written> History::written(std::int64_t step) const {
    const auto kept = probes_.find(step);
    return kept == probes_.end() ? nullptr : kept->second.written;
}

History History::restore(const ModelConfig& config, std::size_t budget, std::int64_t stride,
                         std::vector<StepRecord> records, std::map<std::int64_t, TracePtr> probes) {
    History history(config, budget);
    history.stride_ = stride;
    for (auto& record : records) {
        history.check(record);
        history.push(std::make_shared<const StepRecord>(std::move(record)));
    }
    for (auto& [step, probe] : probes) history.probes_[step] = {std::move(probe), nullptr};
    return history;
}

}  // namespace sf
