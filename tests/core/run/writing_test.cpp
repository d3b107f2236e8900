// What a model writes after given beginnings.
#include "core/run/writing.h"

#include "core/run/runner.h"

#include <gtest/gtest.h>

namespace sf {
namespace {

ModelPtr model(std::uint64_t seed = 3) {
    auto m = std::make_shared<Model>(*preset_model("nano", seed));
    m->config.max_position_embeddings = 48;
    return m;
}

Beginning beginning(const std::string& text) {
    Beginning b{"any", {}, {}};
    for (const char c : text) b.prompt.push_back(static_cast<unsigned char>(c));
    return b;
}

TEST(Writing, IsTheGreedyContinuation) {
    const ModelPtr m = model();
    const std::vector<Beginning> beginnings{beginning("the cat"), beginning("x"),
                                            beginning("23 + 45 =")};
    const Written written = write_on(*m, beginnings);
    ASSERT_EQ(written.size(), 3U);
    for (std::size_t i = 0; i < 3; ++i) {
        SamplingOptions o;
        o.max_new = most_written;
        o.stop_at_eos = true;
        std::vector<std::int64_t> ids;
        for (const Drawn& d : generate(m, beginnings[i].prompt, o).drawn) ids.push_back(d.id);
        EXPECT_EQ(written[i], ids) << i;
    }
    EXPECT_EQ(write_on(*m, beginnings), written) << "the same each time";
    EXPECT_NE(write_on(*model(4), beginnings), written) << "of the weights";
}

TEST(Writing, EndsWithTheContext) {
    const ModelPtr m = model();
    const Written written =
        write_on(*m, {beginning(std::string(40, 'a')), beginning(std::string(48, 'a')),
                      beginning(std::string(49, 'a')), Beginning{}});
    EXPECT_EQ(written[0].size(), 9U);  // the last one is never read
    EXPECT_EQ(written[1].size(), 1U);
    EXPECT_TRUE(written[2].empty());
    EXPECT_TRUE(written[3].empty());
    EXPECT_TRUE(write_on(*m, {}).empty());
}

TEST(Writing, ForAPictureIsCheckedByAPassOverTheWhole) {
    const ModelPtr m = model();
    const TracePtr trace = run_trace(m, {m->encode("abc")});
    const std::vector<Beginning> beginnings{beginning("the cat"), beginning("sat")};
    const Need need = written_now(*trace, beginnings);
    Derived derived;
    derived.settle({need});
    const auto* now = derived.find<WrittenNow>(need.key);
    ASSERT_NE(now, nullptr);
    EXPECT_EQ(now->written, write_on(*m, beginnings));
    EXPECT_EQ(now->tokens, std::ssize(now->written[0]) + std::ssize(now->written[1]));
    EXPECT_EQ(now->otherwise, 0);
    EXPECT_FALSE(written_now(*trace, {beginning("cat")}).key == need.key);
    Trace bare = *trace;
    bare.weights = nullptr;
    const Need without = written_now(bare, beginnings);
    derived.settle({without});
    EXPECT_NE(derived.entry(without.key)->error.find("no weights"), std::string::npos);
}

TEST(Beginnings, EndBeforeAnAnswerOfTheCorpus) {
    const auto tokenizer = byte_tokenizer(258);
    const auto all = corpus_beginnings(CorpusMix(), *tokenizer);
    EXPECT_EQ(all.size(), corpus_kinds().size());
    for (const Beginning& b : all) {
        EXPECT_LE(b.prompt.size(), 64U);
        EXPECT_FALSE(b.answer.empty()) << b.kind;
        // Some held-out document has the two in a row, the second as an answer.
        const std::string before = tokenizer->decode(b.prompt), after = tokenizer->decode(b.answer);
        bool found = false;
        for (std::size_t kind = 0; kind < corpus_kinds().size(); ++kind)
            for (std::uint64_t i = 0; i < 40 && corpus_kinds()[kind].id == b.kind; ++i) {
                const Document d = corpus_document_of(kind, 0, CorpusPart::held_out, i);
                for (const Answer& a : d.answers)
                    found = found || (d.text.substr(0, a.begin) == before &&
                                      d.text.substr(a.begin, a.end - a.begin) == after);
            }
        EXPECT_TRUE(found) << b.kind << ": " << before << "|" << after;
    }
    CorpusMix one;
    for (double& w : one.weights) w = 0;
    one.weights[1] = 2;
    const auto only = corpus_beginnings(one, *tokenizer);
    ASSERT_EQ(only.size(), 1U);
    EXPECT_EQ(only[0].kind, corpus_kinds()[1].id);
}

}  // namespace
}  // namespace sf
