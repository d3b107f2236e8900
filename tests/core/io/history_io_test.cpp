#include "core/io/history_io.h"

#include "core/random.h"
#include "core/run/probe.h"
#include "core/run/runner.h"
#include "tests/core/io/scratch.h"

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
using test::Scratch;
using test::user_error;

TracePtr short_trace(const char* preset, std::uint64_t seed) {
    std::vector<std::int64_t> ids;
    for (const char c : std::string_view("The cat sat on a")) ids.push_back(c);
    return run_trace(preset_model(preset, seed), {ids});
}

// Any numbers, those of a step alone.
StepRecord record_of(const History& h, std::int64_t step) {
    const auto at = static_cast<std::uint64_t>(step);
    const auto any = [&](std::uint64_t i) { return static_cast<float>(random_normal(5, at, i)); };
    StepRecord r;
    r.step = step;
    r.loss = any(1);
    r.mtp_loss.assign(static_cast<std::size_t>(h.mtp_depths()), any(2));
    r.balance_loss = any(3);
    r.grad_norm = step == 3 ? std::numeric_limits<float>::infinity() : any(4);
    r.lr = any(5);
    r.gamma = any(6);
    r.lambda = any(7);
    r.alpha = any(8);
    r.tokens_per_second = any(9);
    if (step % 4 == 0) r.heldout_loss = any(10);
    if (step % 8 == 0) r.bigram_loss = any(11);
    r.floor = any(12);
    r.tokens = 1024;
    const std::size_t cells = h.layers().size() * static_cast<std::size_t>(h.experts());
    for (std::size_t i = 0; i < cells; ++i) {
        r.load.push_back(static_cast<std::int64_t>(random_bits(2, at, i) % 2000));
        r.bias.push_back(any(20 + i));
    }
    return r;
}

History some_history(const char* preset, std::int64_t steps, std::int64_t probes,
                     std::size_t budget = History::default_budget) {
    History h(ModelConfig::preset(preset), budget);
    h.about = {1.0 / 3,
               {"prose", "code"},
               "The cat sat on a",
               0,
               {{"prose", {1, 2, 3}, {}}, {"code", {4}, {5, 6}}}};
    for (std::int64_t step = 1; step <= steps; ++step) h.add(record_of(h, step));
    std::uint64_t seed = 0;
    for (std::int64_t step = 0; probes > 0; ++step)
        if (is_probe_step(step)) {
            h.add_probe(step, short_trace(preset, ++seed));
            if (step != 1) h.add_written(step, {{step, 7, 8}, {}});
            --probes;
        }
    return h;
}

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

void write(const std::filesystem::path& path, const History& h, const std::string& prefix) {
    const auto out = history_tensors(h, prefix);
    write_safetensors(path, out.tensors, out.metadata);
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

// A saved history as its parts, to be damaged.
struct Parts {
    std::map<std::string, Tensor> tensors;
    std::map<std::string, std::string> metadata;
    json about, written;
};
struct Damage {
    const char* name;
    std::function<void(Parts&)> change;
    const char* reason;
};
void PrintTo(const Damage& d, std::ostream* out) {
    *out << d.name;
}
class DamagedHistory : public testing::TestWithParam<Damage> {};

TEST_P(DamagedHistory, is_refused_in_one_sentence) {
    Scratch folder;
    const History h = some_history("nano", 20, 2, 8);
    write(folder / "t", h, "");
    Parts parts;
    {
        const SafetensorsFile file(folder / "t");
        parts.metadata = file.metadata();
        parts.about = json::parse(parts.metadata.at("about"));
        parts.written = json::parse(parts.metadata.at("written"));
        for (const auto& [name, entry] : file.entries())
            parts.tensors.emplace(name, file.read(name));
    }
    GetParam().change(parts);
    if (!parts.metadata.empty()) {
        parts.metadata["about"] = parts.about.dump();
        parts.metadata["written"] = parts.written.dump();
    }
    std::vector<NamedTensor> list;
    for (const auto& [name, tensor] : parts.tensors)
        list.push_back(
            {name, tensor.view(), tensor.dtype == DType::i64 ? StoredType::i64 : StoredType::f32});
    write_safetensors(folder / "t", list, parts.metadata);
    const auto sentence = user_error([&] { read_history(folder / "t", h.config()); });
    EXPECT_EQ(sentence.rfind((folder / "t").string() + ": ", 0), 0U) << sentence;
    EXPECT_NE(sentence.find(GetParam().reason), std::string::npos) << sentence;
}

void set_about(Parts& p, const char* key, const json& value) {
    p.about[key] = value;
}
std::vector<std::int64_t>& ints(Parts& p, const char* name) {
    return p.tensors.at(name).ints;
}

INSTANTIATE_TEST_SUITE_P(
    all, DamagedHistory,
    testing::Values(
        Damage{"no_history", [](Parts& p) { p.metadata.clear(); }, "about: is missing"},
        Damage{"list", [](Parts& p) { p.about = json::array(); }, "about: must be an object"},
        Damage{"format", [](Parts& p) { set_about(p, "format", "x"); }, "format is not"},
        Damage{"newer", [](Parts& p) { set_about(p, "format_version", 2); }, "format_version must"},
        Damage{"stride_zero", [](Parts& p) { set_about(p, "stride", 0); }, "stride must be"},
        Damage{"stride_odd", [](Parts& p) { set_about(p, "stride", 3); }, "power of two"},
        Damage{"stride_large", [](Parts& p) { set_about(p, "stride", 8); }, "not a multiple"},
        Damage{"budget", [](Parts& p) { set_about(p, "budget", 1e9); }, "budget must be"},
        Damage{"budget_small", [](Parts& p) { set_about(p, "budget", 4); }, "at most 4 steps"},
        Damage{"layers", [](Parts& p) { set_about(p, "layers", {"layers.1"}); }, "layers are not"},
        Damage{"floor", [](Parts& p) { set_about(p, "floor", "low"); }, "floor must be a number"},
        Damage{"corpora", [](Parts& p) { set_about(p, "corpora", {1}); }, "corpora must be"},
        Damage{"long_text", [](Parts& p) { set_about(p, "probe_text", std::string(100000, 'a')); },
               "probe_text must be a short string"},
        Damage{"attention", [](Parts& p) { set_about(p, "attention", "x"); }, "must be naive or"},
        Damage{"written_list", [](Parts& p) { p.written = json::array(); },
               "written: must be an object"},
        Damage{"no_written_steps", [](Parts& p) { p.written.erase("steps"); },
               "written: steps is missing"},
        Damage{"beginnings", [](Parts& p) { p.written["beginnings"] = 3; },
               "written: beginnings must be a list"},
        Damage{"kind", [](Parts& p) { p.written["beginnings"][0]["kind"] = 3; },
               "written: kind must be a short string"},
        Damage{"prompt_id", [](Parts& p) { p.written["beginnings"][0]["prompt"][1] = 258; },
               "written: prompt must hold ids below 258"},
        Damage{"written_id", [](Parts& p) { p.written["steps"]["0"][0][0] = -1; },
               "written: a text must hold ids below 258"},
        Damage{"fewer_texts", [](Parts& p) { p.written["steps"]["0"] = json::array(); },
               "written: step 0 must be a list of 2 texts"},
        Damage{"written_step", [](Parts& p) { p.written["steps"]["7"] = p.written["steps"]["0"]; },
               "written: steps names a step without a probe"},
        Damage{"missing", [](Parts& p) { p.tensors.erase("loss"); }, "tensor loss: is missing"},
        Damage{"no_steps", [](Parts& p) { p.tensors.erase("step"); }, "tensor step: is missing"},
        Damage{"shape", [](Parts& p) { p.tensors["loss"] = Tensor({2}, DType::real); },
               "tensor loss: must be of shape ("},
        Damage{"rank",
               [](Parts& p) {
                   p.tensors["step"] = Tensor({1, 5}, DType::i64);
               },
               "tensor step: must be a list"},
        Damage{"type",
               [](Parts& p) { p.tensors["bias"] = Tensor(p.tensors["bias"].shape, DType::i64); },
               "tensor bias: dtype I64"},
        Damage{"real_steps",
               [](Parts& p) { p.tensors["step"] = Tensor(p.tensors["step"].shape, DType::real); },
               "tensor step: dtype F32"},
        Damage{"falling", [](Parts& p) { ints(p, "step")[1] = 0; }, "tensor step: must rise"},
        Damage{"negative", [](Parts& p) { ints(p, "step")[0] = -4; }, "tensor step: must rise"},
        Damage{"beyond", [](Parts& p) { ints(p, "step").back() = History::max_step + 1; },
               "tensor step: must rise"},
        Damage{"load", [](Parts& p) { ints(p, "load")[3] = -1; }, "tensor load: holds -1"},
        Damage{"tokens", [](Parts& p) { ints(p, "tokens")[0] = std::int64_t{1} << 60; },
               "tensor tokens: holds 1152921504606846976"},
        Damage{"probe_step",
               [](Parts& p) {
                   p.tensors["probe.01.ids"] = Tensor({1, 1}, DType::i64);
               },
               "tensor probe.01.ids: names no step"},
        Damage{"probe_of_nothing",
               [](Parts& p) {
                   p.tensors["probe.ids"] = Tensor({1, 1}, DType::i64);
               },
               "tensor probe.ids: names no step"},
        Damage{"no_ids", [](Parts& p) { p.tensors.erase("probe.1.ids"); },
               "tensor probe.1.ids: is missing"},
        Damage{"long_ids",
               [](Parts& p) {
                   p.tensors["probe.1.ids"] = Tensor({2, 9}, DType::i64);
               },
               "tensor probe.1.ids: must be (sequences, tokens)"},
        Damage{"no_tokens",
               [](Parts& p) {
                   p.tensors["probe.1.ids"] = Tensor({1, 0}, DType::i64);
               },
               "tensor probe.1.ids: must be (sequences, tokens)"},
        Damage{"foreign_id", [](Parts& p) { ints(p, "probe.1.ids")[0] = 258; },
               "tensor probe.1.ids: holds 258"},
        Damage{"fewer_ids",
               [](Parts& p) {
                   p.tensors["probe.1.ids"] = Tensor({1, 3}, DType::i64);
               },
               "its shape does not fit"},
        Damage{"no_expert", [](Parts& p) { ints(p, "probe.1.layers.1.router_indices")[0] = 8; },
               "tensor probe.1.layers.1.router_indices: holds 8"},
        Damage{
            "computed_part",
            [](Parts& p) { p.tensors["probe.1.layers.1.expert_load"] = Tensor({8}, DType::i64); },
            "tensor probe.1.layers.1.expert_load: is not part of a probe"},
        Damage{"unknown_part", [](Parts& p) { p.tensors["probe.1.x"] = Tensor({8}, DType::i64); },
               "tensor probe.1.x: is not part of a probe"},
        Damage{
            "many_probes",
            [](Parts& p) {
                for (int i = 100; i < 120; ++i)
                    p.tensors["probe." + std::to_string(i) + ".ids"] = Tensor({1, 1}, DType::i64);
            },
            "belongs to one probe more than 16"}));

TEST(HistoryIo, of_another_model) {
    Scratch folder;
    write_history(folder / "h", some_history("nano", 5, 1));
    for (const char* preset : {"micro", "bench"})
        EXPECT_NE(user_error([&] { read_history(folder / "h", ModelConfig::preset(preset)); }), "");
}

// Cut short, bits flipped, digits exchanged: read or refused, never anything else.
TEST(HistoryIo, damaged_bytes) {
    Scratch folder;
    const History h = some_history("nano", 20, 1, 8);
    write_history(folder / "valid", h);
    const std::string valid = read_file(folder / "valid");
    const std::size_t head = valid.find("probe.0.");
    int read = 0, refused = 0;
    for (std::uint64_t i = 0; i < 700; ++i) {
        std::string bytes = valid;
        std::uint64_t counter = 0;
        const auto below = [&](std::size_t n) {
            return static_cast<std::size_t>(random_bits(77, i, counter++) % n);
        };
        for (std::size_t k = 0; k < 1 + i % 3; ++k) {
            const std::size_t at =
                below(below(2) == 0 ? std::min(bytes.size(), head) : bytes.size());
            switch (below(4)) {
                case 0:
                    bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(8)));
                    break;
                case 1:
                    bytes[at] = static_cast<char>('0' + below(10));
                    break;
                case 2:
                    bytes.erase(at, below(9));
                    break;
                default:
                    if (i % 5 == 0 && at > 0) bytes.resize(at);
                    break;
            }
            if (bytes.empty()) break;
        }
        try {
            const History damaged = read_history(folder.with("t", bytes), h.config());
            ++read;
            for (std::size_t r = 0; r < damaged.size(); ++r) damaged.violation(0, r, 5000);
            for (const auto step : damaged.probe_steps()) {
                const TracePtr probe = damaged.probe(step);
                for (NodeId id = 0; id < probe->graph->size(); ++id)
                    if (probe->find(id)) explain(*probe, id, 0);
            }
        } catch (const UserError& e) {
            ++refused;
            EXPECT_LT(std::string_view(e.what()).size(), 1000U);
        } catch (const std::exception& e) {
            ADD_FAILURE() << "copy " << i << ": " << e.what();
        }
    }
    EXPECT_GT(read, 50);
    EXPECT_GT(refused, 250);
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
