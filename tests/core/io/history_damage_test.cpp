// History files that somebody damaged are refused in one sentence.
#include "core/io/history_io.h"
#include "tests/core/io/scratch.h"
#include "tests/core/io/some_history.h"

#include <gtest/gtest.h>
#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <ostream>

namespace sf {
namespace {

using nlohmann::json;
using test::Scratch;
using test::some_history;
using test::user_error;
using test::write;

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

}  // namespace
}  // namespace sf
