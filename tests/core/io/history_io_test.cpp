#include "core/io/history_io.h"

#include "core/random.h"
#include "core/run/probe.h"
#include "core/run/runner.h"
#include "tests/core/io/scratch.h"
#include "tests/core/io/some_history.h"

#include <gtest/gtest.h>
#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <nlohmann/json.hpp>
#include <ostream>

namespace sf {
namespace {

using nlohmann::json;
using test::record_of;
using test::Scratch;
using test::short_trace;
using test::some_history;
using test::user_error;
using test::write;

// Bit for bit, NaN too.
bool same(const StepRecord& a, const StepRecord& b) {
    const auto bits = [](const std::vector<float>& x, const std::vector<float>& y) {
        return x.size() == y.size() &&
               (x.empty() || std::memcmp(x.data(), y.data(), x.size() * sizeof(float)) == 0);
    };
    const auto scalars = [](const StepRecord& r) {
        return std::vector<float>{r.loss,         r.balance_loss, r.grad_norm, r.lr,
                                  r.gamma,        r.lambda,       r.alpha,     r.tokens_per_second,
                                  r.heldout_loss, r.bigram_loss,  r.floor};
    };
    return a.step == b.step && a.tokens == b.tokens && a.load == b.load && bits(a.bias, b.bias) &&
           bits(a.mtp_loss, b.mtp_loss) && bits(scalars(a), scalars(b));
}
bool same(const Trace& a, const Trace& b) {
    if (a.ids != b.ids || a.trained_step != b.trained_step) return false;
    for (NodeId id = 0; id < a.graph->size(); ++id) {
        const Tensor *x = a.find(id), *y = b.find(id);
        if (!x != !y) return false;
        if (x && (x->real != y->real || x->ints != y->ints || !(x->shape == y->shape)))
            return false;
    }
    return true;
}
void expect_same(const History& a, const History& b) {
    EXPECT_EQ(a.config(), b.config());
    EXPECT_EQ(a.about, b.about);
    EXPECT_EQ(a.budget(), b.budget());
    EXPECT_EQ(a.stride(), b.stride());
    ASSERT_EQ(a.size(), b.size());
    for (std::size_t i = 0; i < a.size(); ++i) EXPECT_TRUE(same(a[i], b[i])) << i;
    ASSERT_EQ(a.probe_steps(), b.probe_steps());
    for (const auto step : a.probe_steps())
        EXPECT_TRUE(same(*a.probe(step), *b.probe(step))) << step;
    for (const auto step : a.probe_steps()) {
        ASSERT_EQ(a.written(step) == nullptr, b.written(step) == nullptr) << step;
        if (a.written(step)) {
            EXPECT_EQ(*a.written(step), *b.written(step)) << step;
        }
    }
}

// What a resumed run reads is what was there, and it goes on as if it had not stopped.
TEST(HistoryIo, the_resume_file_is_exact) {
    Scratch folder;
    for (const std::int64_t steps : {0, 1, 40, 101, 128}) {
        const History h = some_history("nano", steps, 3, 50);
        auto out = history_tensors(h, "history.");
        Tensor other(Shape{2}, DType::real);
        out.tensors.push_back({"adam.step", other.view()});
        write_safetensors(folder / "t", out.tensors, out.metadata);
        const SafetensorsFile file(folder / "t");
        EXPECT_TRUE(has_history(file, "history."));
        EXPECT_FALSE(has_history(file, ""));
        const auto tokenizer = preset_model("nano", 1)->tokenizer;
        History read = read_history(file, "t", "history.", h.config(), tokenizer);
        expect_same(h, read);
        EXPECT_EQ(read.probe(1)->tokens, h.probe(1)->tokens);
        EXPECT_EQ(read.probe(1)->model_name, "nano");
        for (std::int64_t step = steps + 1; step <= steps + 150; ++step)
            read.add(record_of(read, step));
        expect_same(some_history("nano", steps + 150, 3, 50), read);
    }
}

TEST(HistoryIo, the_same_history_gives_the_same_bytes) {
    Scratch folder;
    const History h = some_history("nano", 300, 2);
    write_history(folder / "a", h);
    write_history(folder / "b", h);
    EXPECT_EQ(read_file(folder / "a"), read_file(folder / "b"));
    const History read = read_history(folder / "a", h.config());
    write_history(folder / "c", read);
    EXPECT_EQ(read_file(folder / "a"), read_file(folder / "c"));
}

TEST(HistoryIo, the_shipped_file_is_small_and_close) {
    Scratch folder;
    const History h = some_history("micro", 3000, 10);
    write_history(folder / "h", h);
    const auto bytes = std::filesystem::file_size(folder / "h");
    RecordProperty("bytes", static_cast<int>(bytes));
    EXPECT_LT(bytes, 2'000'000U);
    const History read = read_history(folder / "h", h.config());
    EXPECT_GT(read.size(), shipped_records / 2);
    EXPECT_EQ(read.back().step, 3000);
    for (const auto step : h.probe_steps()) {
        const TracePtr a = h.probe(step), b = read.probe(step);
        for (NodeId id = 0; id < a->graph->size(); ++id) {
            if (!a->find(id)) continue;
            ASSERT_TRUE(b->find(id)) << (*a->graph)[id].name;
            EXPECT_EQ(a->find(id)->ints, b->find(id)->ints) << (*a->graph)[id].name;
            for (std::int64_t i = 0; i < a->find(id)->size(); ++i) {
                const double x = a->find(id)->at(i);
                ASSERT_NEAR(b->find(id)->at(i), x, 0.01 * std::max(1.0, std::abs(x)))
                    << (*a->graph)[id].name;
            }
        }
    }
    // Without a tokenizer an id reads as an id.
    EXPECT_EQ(read.probe(5)->tokens.front(), "⟨84⟩");
}

TEST(HistoryIo, a_dense_model_has_losses_and_no_loads) {
    Scratch folder;
    ModelConfig c = ModelConfig::preset("nano");
    c.n_routed_experts = 0;
    c.num_nextn_predict_layers = 0;
    History h(c);
    StepRecord r;
    r.step = 1;
    r.loss = 5;
    h.add(r);
    write(folder / "t", h, "");
    expect_same(h, read_history(folder / "t", c));
}

// Files of before floors of records and texts that were written.
TEST(HistoryIo, older_files_have_one_floor_and_no_texts) {
    Scratch folder;
    const History h = some_history("nano", 20, 2);
    auto out = history_tensors(h);
    std::erase_if(out.tensors, [](const NamedTensor& t) { return t.name == "floor"; });
    out.metadata.erase("written");
    write_safetensors(folder / "t", out.tensors, out.metadata);
    const History read = read_history(folder / "t", h.config());
    EXPECT_EQ(read.size(), h.size());
    EXPECT_EQ(read[5].floor, static_cast<float>(1.0 / 3));
    EXPECT_TRUE(read.about.beginnings.empty());
    EXPECT_EQ(read.probe_steps(), h.probe_steps());
    EXPECT_EQ(read.written(0), nullptr);
}

TEST(HistoryIo, unwritable) {
    Scratch folder;
    EXPECT_NE(user_error([&] { write_history(folder / "no" / "h", some_history("nano", 1, 0)); }),
              "");
    EXPECT_NE(user_error([&] { read_history(folder / "none", ModelConfig{}); }), "");
    EXPECT_EQ(folder.entries(), 0U);
}

}  // namespace
}  // namespace sf
