#include "core/run/expert_use.h"

#include "core/backend/executor.h"
#include "core/error.h"
#include "core/model/model.h"
#include "core/run/history.h"
#include "core/text/corpus.h"
#include "core/text/tokenizer.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <utility>

namespace sf {

namespace {

constexpr std::size_t most_favourites = 16;
constexpr std::size_t rows_at_once = 8;
constexpr std::ptrdiff_t tokens_around = 12;

struct Question {
    std::shared_ptr<const Graph> graph;
    WeightsPtr weights;
    std::shared_ptr<const Tokenizer> tokenizer;
    std::vector<std::string> corpora;
    std::int64_t tokens = 0;
};

void check(const Question& q) {
    if (!q.weights) throw UserError("this trace holds no weights to read a text with");
    if (History(q.graph->config).layers().empty()) throw UserError("this model has no experts");
    if (!q.tokenizer) throw UserError("this model has no tokenizer that could read a text");
    if (!q.corpora.empty() && q.corpora != corpus_kind_names())
        throw UserError("the text that this model was trained on is not at hand");
}

using Row = std::vector<std::int64_t>;

// Held-out documents of one kind that fit the context.
class Documents {
public:
    Documents(const Question& q, std::size_t kind) : q_(q), kind_(kind) {}

    Row next() {
        constexpr int tries = 100;
        const ModelConfig& c = q_.graph->config;
        for (int i = 0; i < tries; ++i) {
            Row row = q_.tokenizer->encode(
                corpus_document_of(kind_, 0, CorpusPart::held_out, at_++).text);
            row.insert(row.begin(), c.eos_token_id);
            row.push_back(c.eos_token_id);
            if (std::ssize(row) <= c.max_position_embeddings) return row;
        }
        throw UserError("a context of " + std::to_string(c.max_position_embeddings) +
                        " tokens is too short for the corpus' documents of kind " +
                        corpus_kinds()[kind_].id);
    }

private:
    const Question& q_;
    std::size_t kind_;
    std::uint64_t at_ = 0;
};

// Reads rows and counts who was given what.
class Reader {
public:
    Reader(const Question& q, ExpertUse& use)
        : q_(q), use_(use), graph_(build_graph(q.graph->config)), executor_(graph_, q.weights, 1) {
        const ModelConfig& c = graph_->config;
        const History layout(c);
        for (const std::string& name : layout.layers()) {
            const NodeId choice = graph_->find(name + ".router_indices");
            layers_.push_back(
                {choice,
                 graph_->find(name + ".router_weights"),
                 std::max<std::int64_t>(0, (*graph_)[choice].layer - c.num_hidden_layers + 1),
                 std::vector<std::int64_t>(static_cast<std::size_t>(c.vocab_size)),
                 {}});
            outputs_.insert(outputs_.end(), {layers_.back().choice, layers_.back().gates});
            ExpertUse::Layer& layer = use_.layers.emplace_back();
            layer.name = name;
            layer.tokens.resize(use_.kinds.size());
            layer.loads.resize(use_.kinds.size(),
                               std::vector<std::int64_t>(static_cast<std::size_t>(use_.experts)));
            layer.favourites.resize(static_cast<std::size_t>(use_.experts));
        }
    }

    // Rows are filled up at their ends, which no earlier position sees.
    void read(const std::vector<Row>& rows, std::size_t kind) {
        std::int64_t width = graph_->config.num_nextn_predict_layers + 1;
        for (const Row& row : rows) width = std::max<std::int64_t>(width, std::ssize(row));
        Row ids;
        for (const Row& row : rows) {
            ids.insert(ids.end(), row.begin(), row.end());
            ids.resize(ids.size() + static_cast<std::size_t>(width - std::ssize(row)), 0);
        }
        Executor::Request request;
        request.extent = {std::ssize(rows), width, 0};
        request.ids = ids;
        request.outputs = outputs_;
        executor_.run(request);
        for (std::size_t l = 0; l < layers_.size(); ++l)
            for (std::size_t r = 0; r < rows.size(); ++r) count(l, rows[r], r, kind);
    }

    void finish() {
        for (std::size_t l = 0; l < layers_.size(); ++l) {
            auto& all = use_.layers[l].favourites;
            for (const auto& [at, found] : layers_[l].found) {
                all[static_cast<std::size_t>(at.first)].push_back(found);
                all[static_cast<std::size_t>(at.first)].back().seen =
                    layers_[l].seen[static_cast<std::size_t>(at.second)];
            }
            for (auto& own : all) {
                std::stable_sort(own.begin(), own.end(),
                                 [](const auto& a, const auto& b) { return a.gate > b.gate; });
                if (own.size() > most_favourites) own.resize(most_favourites);
            }
        }
    }

private:
    struct Layer {
        NodeId choice, gates;  // (batch, positions, top_k)
        std::int64_t depth;    // of an MTP module, which has no positions for the last tokens; or 0
        std::vector<std::int64_t> seen;                                               // (vocab)
        std::map<std::pair<std::int64_t, std::int64_t>, ExpertUse::Favourite> found;  // expert, id
    };

    void count(std::size_t l, const Row& row, std::size_t r, std::size_t kind) {
        Layer& layer = layers_[l];
        const ConstView choice = executor_.value(layer.choice),
                        gates = executor_.value(layer.gates);
        const std::int64_t first = static_cast<std::int64_t>(r) * choice.shape[1];
        const std::int64_t positions = std::max<std::int64_t>(0, std::ssize(row) - layer.depth);
        use_.layers[l].tokens[kind] += positions;
        for (std::int64_t t = 0; t < positions; ++t) {
            const std::int64_t id = row[static_cast<std::size_t>(t)];
            ++layer.seen[static_cast<std::size_t>(id)];
            for (std::int64_t k = 0; k < use_.top_k; ++k) {
                const std::int64_t cell = (first + t) * use_.top_k + k;
                const std::int64_t expert = choice.ints[cell];
                ++use_.layers[l].loads[kind][static_cast<std::size_t>(expert)];
                auto& best = layer.found[{expert, id}];
                const double gate = std::isnan(gates.at(cell)) ? 0 : gates.at(cell);
                if (best.given++ > 0 && gate <= best.gate) continue;
                best.id = id;
                best.gate = gate;
                best.kind = kind;
                put_in_context(best, row, t);
            }
        }
    }

    void put_in_context(ExpertUse::Favourite& f, const Row& row, std::int64_t t) const {
        const auto at = row.begin() + t;
        const auto from = row.begin() + std::max<std::ptrdiff_t>(0, t - tokens_around);
        const auto to =
            row.begin() + std::min<std::ptrdiff_t>(std::ssize(row), t + 1 + tokens_around);
        f.before = to_valid_utf8(q_.tokenizer->decode({from, at}));
        f.token = q_.tokenizer->label(*at);
        f.after = to_valid_utf8(q_.tokenizer->decode({at + 1, to}));
    }

    const Question& q_;
    ExpertUse& use_;
    std::shared_ptr<const Graph> graph_;
    Executor executor_;
    std::vector<Layer> layers_;
    std::vector<NodeId> outputs_;
};

DerivedPtr measure(const Question& q, const Progress& progress) {
    check(q);
    auto use = std::make_shared<ExpertUse>();
    use->experts = q.graph->config.n_routed_experts;
    use->top_k = q.graph->config.num_experts_per_tok;
    use->kinds = corpus_kind_names();
    use->documents.resize(use->kinds.size());
    Reader reader(q, *use);
    for (std::size_t kind = 0; kind < use->kinds.size(); ++kind) {
        Documents documents(q, kind);
        for (std::int64_t read = 0; read < q.tokens;) {
            const double part = static_cast<double>(read) / static_cast<double>(q.tokens);
            if (!progress((static_cast<double>(kind) + part) /
                          static_cast<double>(use->kinds.size())))
                return nullptr;
            std::vector<Row> rows;
            for (std::size_t r = 0; r < rows_at_once && read < q.tokens; ++r) {
                rows.push_back(documents.next());
                read += std::ssize(rows.back());
            }
            use->documents[kind] += std::ssize(rows);
            reader.read(rows, kind);
        }
    }
    reader.finish();
    return use;
}

}  // namespace

Need expert_use(const Trace& trace, const std::vector<std::string>& corpora, std::int64_t tokens) {
    const Question q{trace.graph, trace.weights, trace.tokenizer, corpora, tokens};
    return {{"experts by kind of text, " + std::to_string(tokens) + " tokens", q.weights.get()},
            [q](const Progress& progress) { return measure(q, progress); }};
}

}  // namespace sf
