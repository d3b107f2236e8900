#include "core/io/trace_io.h"

#include "core/io/checkpoint.h"
#include "core/io/tokenizer_json.h"
#include "core/run/runner.h"
#include "tests/core/io/scratch.h"

#include <gtest/gtest.h>
#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>
#include <ostream>

namespace sf {
namespace {

using nlohmann::json;
using test::Scratch;
using test::user_error;

TracePtr nano_trace(AttentionMode mode = AttentionMode::naive) {
    RunOptions options;
    options.attention = mode;
    return run_trace(preset_model("nano", 1), {{72, 105, 10, 32, 200}, {1, 2, 3, 4, 257}}, options);
}

// Equal bits, so that what is not a number is equal to itself.
bool same(const Tensor& a, const Tensor& b) {
    return a.shape == b.shape && a.dtype == b.dtype && a.ints == b.ints &&
           std::equal(a.real.begin(), a.real.end(), b.real.begin(), b.real.end(),
                      [](Real x, Real y) { return x == y || (x != x && y != y); });
}

class TraceModes : public testing::TestWithParam<AttentionMode> {};

TEST_P(TraceModes, round_trip) {
    Scratch folder;
    const TracePtr trace = nano_trace(GetParam());
    write_trace(folder / "t", *trace);
    const TracePtr read = read_trace(folder / "t");
    EXPECT_EQ(read->graph->config, trace->graph->config);
    EXPECT_EQ(read->graph->attention, GetParam());
    EXPECT_EQ(read->extent, trace->extent);
    EXPECT_EQ(read->ids, trace->ids);
    EXPECT_EQ(read->tokens, trace->tokens);
    EXPECT_EQ(read->edits, trace->edits);
    EXPECT_EQ(read->model_name, "nano");
    EXPECT_EQ(read->trained_step, 0);
    EXPECT_EQ(read->weights, nullptr);
    std::size_t tensors = 0;
    for (NodeId id = 0; id < trace->graph->size(); ++id) {
        if ((*trace->graph)[id].op == Op::param) continue;
        ASSERT_EQ(read->find(id) == nullptr, trace->find(id) == nullptr);
        if (!trace->find(id)) continue;
        ++tensors;
        EXPECT_TRUE(same(*read->find(id), *trace->find(id))) << (*trace->graph)[id].name;
    }
    EXPECT_GT(tensors, 100U);
    // The same run gives the same bytes, and so does a trace that was read.
    write_trace(folder / "again", *nano_trace(GetParam()));
    EXPECT_EQ(read_file(folder / "again"), read_file(folder / "t"));
    write_trace(folder / "copy", *read);
    EXPECT_EQ(read_file(folder / "copy"), read_file(folder / "t"));
}

INSTANTIATE_TEST_SUITE_P(both, TraceModes,
                         testing::Values(AttentionMode::naive, AttentionMode::absorbed));

TEST(TraceIo, edits_and_extra_tensors) {
    Scratch folder;
    const TracePtr base = nano_trace();
    const TracePtr trace = edit_trace(*base, {{"layers.1.hidden", 7, 0.1 + 0.2}});
    auto extra = std::make_shared<Tensor>(Shape{2, 1, 3}, DType::real);
    extra->real[4] = 5;
    write_trace(folder / "t", *trace, {{"decode_logits", extra}});
    const SafetensorsFile file(folder / "t");
    EXPECT_EQ(file.read("decode_logits").real, extra->real);
    EXPECT_FALSE(file.entries().contains("model.norm.weight"));
    const auto read = read_trace(folder / "t");
    EXPECT_EQ(read->edits, trace->edits);
    EXPECT_EQ(read->find("decode_logits"), nullptr);
    EXPECT_TRUE(same(*read->find("logits"), *trace->find("logits")));
    EXPECT_FALSE(same(*read->find("logits"), *base->find("logits")));
}

TracePtr nano_gradients(AttentionMode mode = AttentionMode::naive) {
    RunOptions options;
    options.attention = mode;
    options.gradients = true;
    return run_trace(preset_model("nano", 1), {{72, 105, 10, 32, 200}, {1, 2, 3, 4, 257}}, options);
}

TEST_P(TraceModes, gradients_round_trip) {
    Scratch folder;
    const TracePtr trace = nano_gradients(GetParam());
    write_trace(folder / "t", *trace);
    const SafetensorsFile file(folder / "t");
    EXPECT_TRUE(file.entries().contains("grad.layers.0.q"));
    EXPECT_TRUE(file.entries().contains("grad.model.layers.0.self_attn.q_b_proj.weight"));
    EXPECT_FALSE(file.entries().contains("model.layers.0.self_attn.q_b_proj.weight"));
    EXPECT_EQ(file.metadata().at("graph"), "training");
    EXPECT_EQ(file.metadata().at("loss"), "L = loss + 0.3·mtp.1.loss");
    EXPECT_EQ(json::parse(file.metadata().at("symbols"))["grad.layers.0.kv_latent"], "∂L/∂c^{KV}");
    const TracePtr read = read_trace(folder / "t");
    EXPECT_EQ(read->loss, trace->loss);
    std::size_t gradients = 0;
    for (NodeId id = 0; id < trace->graph->size(); ++id) {
        const Tensor *a = trace->gradient(id), *b = read->gradient(id);
        ASSERT_EQ(a == nullptr, b == nullptr) << (*trace->graph)[id].name;
        if (!a) continue;
        ++gradients;
        EXPECT_TRUE(same(*a, *b)) << (*trace->graph)[id].name;
    }
    EXPECT_GT(gradients, 150U);
    EXPECT_TRUE(same(*read->find("mtp.1.nll"), *trace->find("mtp.1.nll")));
    write_trace(folder / "copy", *read);
    EXPECT_EQ(read_file(folder / "copy"), read_file(folder / "t"));
    // An edited one keeps the losses and says so.
    write_trace(folder / "e", *edit_trace(*trace, {{"layers.1.hidden", 7, 0.5}}));
    const TracePtr edited = read_trace(folder / "e");
    EXPECT_TRUE(edited->has("loss"));
    EXPECT_TRUE(edited->loss.empty());
    EXPECT_FALSE(edited->has("grad.logits"));
}

TEST(TraceIo, metadata_says_what_is_inside) {
    Scratch folder;
    const auto trace = nano_trace();
    write_trace(folder / "t", *trace);
    const SafetensorsFile file(folder / "t");
    const auto& meta = file.metadata();
    EXPECT_EQ(meta.at("format_version"), "1");
    EXPECT_EQ(json::parse(meta.at("ids")), json::parse("[[72,105,10,32,200],[1,2,3,4,257]]"));
    EXPECT_EQ(json::parse(meta.at("tokens"))[2], "⏎");
    EXPECT_EQ(parse_config(meta.at("config"), "x"), ModelConfig::preset("nano"));
    const json order = json::parse(meta.at("order"));
    EXPECT_EQ(order.size(), file.entries().size());
    std::size_t begin = 0;
    for (const auto& name : order) {
        EXPECT_EQ(file.entries().at(name.get<std::string>()).begin, begin);
        begin = file.entries().at(name.get<std::string>()).end;
        EXPECT_TRUE(json::parse(meta.at("symbols")).contains(name));
        EXPECT_TRUE(json::parse(meta.at("formulas")).contains(name));
    }
    const NodeId latent = trace->graph->find("layers.1.kv_latent");
    ASSERT_NE(latent, no_node);
    EXPECT_EQ(json::parse(meta.at("symbols"))["layers.1.kv_latent"],
              (*trace->graph)[latent].symbol);
}

// A saved trace as its parts, to be damaged.
struct Parts {
    std::map<std::string, Tensor> tensors;
    std::map<std::string, std::string> metadata;
};

Parts parts_of(const std::filesystem::path& path) {
    const SafetensorsFile file(path);
    Parts parts;
    parts.metadata = file.metadata();
    for (const auto& [name, entry] : file.entries()) parts.tensors.emplace(name, file.read(name));
    return parts;
}

void write(const std::filesystem::path& path, const Parts& parts) {
    std::vector<NamedTensor> list;
    for (const auto& [name, tensor] : parts.tensors)
        list.push_back(
            {name, tensor.view(), tensor.dtype == DType::i64 ? StoredType::i64 : StoredType::f32});
    write_safetensors(path, list, parts.metadata);
}

struct Damage {
    const char* name;
    std::function<void(Parts&)> change;
    const char* reason;
};
void PrintTo(const Damage& d, std::ostream* out) {
    *out << d.name;
}
class DamagedTrace : public testing::TestWithParam<Damage> {};

TEST_P(DamagedTrace, is_refused_in_one_sentence) {
    Scratch folder;
    write_trace(folder / "t", *nano_trace());
    Parts parts = parts_of(folder / "t");
    GetParam().change(parts);
    write(folder / "t", parts);
    const auto sentence = user_error([&] { read_trace(folder / "t"); });
    EXPECT_EQ(sentence.rfind((folder / "t").string() + ": ", 0), 0U) << sentence;
    EXPECT_NE(sentence.find(GetParam().reason), std::string::npos) << sentence;
}

TEST(TraceIo, damaged_gradients_are_refused) {
    Scratch folder;
    write_trace(folder / "t", *nano_gradients());
    const Parts whole = parts_of(folder / "t");
    const auto terms = [](const char* list) {
        return [list](Parts& p) { p.metadata["loss_terms"] = list; };
    };
    const std::vector<Damage> all{
        {"graph", [](Parts& p) { p.metadata["graph"] = "x"; }, "graph: must be training"},
        {"no_graph", [](Parts& p) { p.metadata.erase("graph"); }, "loss_terms: name no loss: loss"},
        {"no_terms", [](Parts& p) { p.metadata.erase("loss_terms"); }, "names no loss"},
        {"empty_terms", terms("[]"), "names no loss"},
        {"terms_object", terms("{}"), "loss_terms: must be a list"},
        {"terms_text", terms("[3"), "loss_terms"},
        {"terms_fields", terms(R"([{"node":"loss"}])"), "loss_terms: must be objects"},
        {"terms_type", terms(R"([{"node":1,"weight":1}])"), "loss_terms: must be objects"},
        {"terms_other", terms(R"([{"node":"logits","weight":1}])"), "name no loss: logits"},
        {"terms_many", terms(R"([{"node":"nll","weight":1}])"), "name no loss: nll"},
        {"shape",
         [](Parts& p) {
             p.tensors["grad.logits"].shape = {10, 258};
         },
         "tensor grad.logits: its shape"},
        {"dtype",
         [](Parts& p) {
             p.tensors["grad.logits"] = Tensor({2, 5, 258}, DType::i64);
         },
         "tensor grad.logits: dtype I64"},
        {"whole_numbers",
         [](Parts& p) {
             p.tensors["grad.ids"] = Tensor({2, 5}, DType::real);
         },
         "tensor grad.ids: whole numbers"},
        {"weight",
         [](Parts& p) {
             p.tensors["grad.model.norm.weight"].shape = {1, 48};
         },
         "tensor grad.model.norm.weight: its shape"}};
    for (const Damage& damage : all) {
        Parts parts = whole;
        damage.change(parts);
        write(folder / "d", parts);
        const auto sentence = user_error([&] { read_trace(folder / "d"); });
        EXPECT_EQ(sentence.rfind((folder / "d").string() + ": ", 0), 0U)
            << damage.name << ": " << sentence;
        EXPECT_NE(sentence.find(damage.reason), std::string::npos)
            << damage.name << ": " << sentence;
    }
}

const std::string choice = "layers.1.router_indices";

INSTANTIATE_TEST_SUITE_P(
    all, DamagedTrace,
    testing::Values(
        Damage{"no_trace", [](Parts& p) { p.metadata.clear(); }, "format: is missing"},
        Damage{"other_format", [](Parts& p) { p.metadata["format"] = "pt"; }, "format: is not"},
        Damage{"newer", [](Parts& p) { p.metadata["format_version"] = "2"; }, "format_version: "},
        Damage{"attention", [](Parts& p) { p.metadata["attention"] = "x"; }, "attention: must be"},
        Damage{"config", [](Parts& p) { p.metadata["config"] = "{}"; }, "config: model_type: "},
        Damage{"no_ids", [](Parts& p) { p.metadata.erase("ids"); }, "ids: is missing"},
        Damage{"empty_ids", [](Parts& p) { p.metadata["ids"] = "[]"; }, "ids: must be a list"},
        Damage{"ids_object", [](Parts& p) { p.metadata["ids"] = "{}"; }, "ids: must be a list"},
        Damage{"ragged", [](Parts& p) { p.metadata["ids"] = "[[1,2],[3]]"; }, "equal length"},
        Damage{"outside", [](Parts& p) { p.metadata["ids"] = "[[258]]"; }, "ids: must be in the"},
        Damage{"negative", [](Parts& p) { p.metadata["ids"] = "[[-1]]"; }, "ids: must be in the"},
        Damage{"too_long",
               [](Parts& p) { p.metadata["ids"] = json::array({std::vector<int>(257)}).dump(); },
               "longer than"},
        Damage{"labels", [](Parts& p) { p.metadata["tokens"] = "[\"a\"]"; }, "tokens: 1 strings"},
        Damage{"label_number", [](Parts& p) { p.metadata["tokens"] = "[1]"; }, "tokens: must be"},
        Damage{"fewer_ids",
               [](Parts& p) {
                   p.metadata["ids"] = "[[1,2]]";
                   p.metadata["tokens"] = "[\"a\",\"b\"]";
               },
               "its shape does not fit"},
        Damage{"edit_of_nothing",
               [](Parts& p) { p.metadata["edits"] = R"([{"node":"x","index":0,"value":1}])"; },
               "edits: name no node: x"},
        Damage{
            "edit_outside",
            [](Parts& p) { p.metadata["edits"] = R"([{"node":"logits","index":2580,"value":1}])"; },
            "edits: index 2580 is outside logits"},
        Damage{
            "edit_null",
            [](Parts& p) { p.metadata["edits"] = R"([{"node":"logits","index":0,"value":null}])"; },
            "edits: must be objects"},
        Damage{"step", [](Parts& p) { p.metadata["trained_step"] = "-1"; }, "trained_step: must"},
        Damage{"shape",
               [](Parts& p) {
                   p.tensors["logits"].shape = {10, 258};
               },
               "tensor logits: its shape does not fit the config and the ids, which give (2, 5, "},
        Damage{"dtype",
               [](Parts& p) {
                   p.tensors["logits"] = Tensor({2, 5, 258}, DType::i64);
               },
               "tensor logits: dtype I64"},
        Damage{"no_such_expert", [](Parts& p) { p.tensors.at(choice).ints[3] = 8; },
               "tensor layers.1.router_indices: holds 8, must be from 0 to 7"},
        Damage{"negative_expert", [](Parts& p) { p.tensors.at(choice).ints[3] = -1; },
               "tensor layers.1.router_indices: holds -1"}));

// Every tensor of whole numbers is an index somewhere: none may be taken unchecked.
TEST(TraceIo, no_index_is_taken_unchecked) {
    Scratch folder;
    const TracePtr trace = nano_trace();
    write_trace(folder / "t", *trace);
    const Parts parts = parts_of(folder / "t");
    std::size_t seen = 0;
    for (const auto& [name, tensor] : parts.tensors) {
        if (tensor.dtype != DType::i64) continue;
        ++seen;
        for (const std::int64_t wrong : {std::int64_t{-1}, std::int64_t{1} << 50}) {
            Parts damaged = parts;
            damaged.tensors.at(name).ints.back() = wrong;
            write(folder / "t", damaged);
            EXPECT_NE(user_error([&] { read_trace(folder / "t"); }), "") << name;
        }
        const Op op = (*trace->graph)[trace->graph->find(name)].op;
        if (op == Op::expert_slots || op == Op::expert_load) {
            Parts damaged = parts;
            auto& ints = damaged.tensors.at(name).ints;
            ints[0] = ints[0] == ints[1] ? ints[0] + 1 : ints[1];
            write(folder / "t", damaged);
            EXPECT_NE(user_error([&] { read_trace(folder / "t"); }), "") << name;
        }
    }
    EXPECT_GE(seen, 8U);
}

TEST(TraceIo, predictions_keep_the_names_of_a_learned_vocabulary) {
    Scratch folder;
    const std::vector<std::string_view> documents{"the cat, the cat, the cat"};
    auto model = std::make_shared<Model>(*preset_model("nano", 1));
    model->tokenizer = train_bpe(documents, {258, 0, 1, "corpus"});
    write_trace(folder / "t", *run_trace(model, {{0, 99, 100}}));
    const TracePtr read = read_trace(folder / "t");
    ASSERT_NE(read->tokenizer, nullptr);
    for (std::int64_t id = 0; id < 258; ++id)
        EXPECT_EQ(read->label(id), model->tokenizer->label(id));
    // More ids than the trace's model has.
    model->tokenizer = train_bpe(documents, {260, 0, 1, "corpus"});
    write_trace(folder / "t", *run_trace(model, {{0, 99, 100}}));
    EXPECT_NE(user_error([&] { read_trace(folder / "t"); }).find("tokenizer_json"),
              std::string::npos);
}

TEST(TraceIo, unwritable) {
    Scratch folder;
    const auto trace = nano_trace();
    EXPECT_NE(user_error([&] { write_trace(folder / "no" / "t", *trace); }).find("no folder"),
              std::string::npos);
    EXPECT_EQ(folder.entries(), 0U);
}

}  // namespace
}  // namespace sf
