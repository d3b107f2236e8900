#include "app/cli_arguments.h"
#include "app/cli_parse.h"
#include "app/cli_run.h"
#include "core/error.h"
#include "core/train/evaluate.h"
#include "core/train/training_text.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>

namespace sf::cli {

namespace {

using Json = nlohmann::ordered_json;
using Table = std::vector<std::vector<std::string>>;  // the first row is its head

EvaluationOptions options_of(const EvalArguments& arguments) {
    if (arguments.model.given && arguments.preset.given)
        throw UserError("--model and --preset exclude each other: one model is measured");
    if (arguments.json && arguments.markdown)
        throw UserError("--json and --markdown exclude each other: there is one output");
    EvaluationOptions options;
    options.threads = threads(arguments);
    if (arguments.corpus.given) {
        if (arguments.corpus.value.empty()) throw UserError("--corpus: the file's name is empty");
        options.file = arguments.corpus.value;
    }
    for (const std::string& word : arguments.set) {
        const auto equals = word.find('=');
        if (!word.starts_with("corpus.") || equals == std::string::npos)
            throw UserError("--set: '" + word + "' is not corpus.KIND=WEIGHT");
        if (arguments.corpus.given)
            throw UserError("--set: '" + word + "' is of the generated corpus, not of a file");
        set_train_setting(options.text, word.substr(0, equals), word.substr(equals + 1),
                          corpus_kind_names());
    }
    return options;
}

Json json_of(const std::optional<double>& number) {
    return number ? Json(*number) : Json();
}

Json report(const ChosenModel& chosen, const Evaluation& e) {
    Json kinds = Json::array(), violation = Json::array();
    Json experts = Json::object(), specialisation = Json::object();
    for (const KindEvaluation& kind : e.kinds)
        kinds.push_back({{"kind", kind.kind},
                         {"loss", kind.loss},
                         {"floor", json_of(kind.floor)},
                         {"entropy", json_of(kind.entropy)},
                         {"bigram_loss", kind.bigram_loss},
                         {"exact_match", json_of(kind.exact_match())},
                         {"answers", kind.answers},
                         {"mtp_acceptance", kind.mtp_acceptance},
                         {"mtp_accuracy", kind.mtp_accuracy},
                         {"documents", kind.documents},
                         {"tokens", kind.tokens}});
    for (const LayerEvaluation& layer : e.layers) {
        violation.push_back(layer.violation);
        experts[layer.layer] = layer.loads;
        specialisation[layer.layer] = json_of(layer.specialisation);
    }
    return {{"model", chosen.model->name},
            {"trained_step", chosen.model->weights->trained_step},
            {"loss", e.loss},
            {"floor", json_of(e.floor)},
            {"entropy", json_of(e.entropy)},
            {"bigram_loss", e.bigram_loss},
            {"exact_match", json_of(e.exact_match)},
            {"answers", e.answers},
            {"violation", violation},
            {"mtp_agreement", e.mtp_acceptance},
            {"mtp_accuracy", e.mtp_accuracy},
            {"tokens", e.tokens},
            {"documents", e.documents},
            {"skipped_documents", e.skipped},
            {"kinds", kinds},
            {"experts", experts},
            {"specialisation", specialisation}};
}

std::string nats(const std::optional<double>& number) {
    if (!number) return "–";
    char text[32];
    std::snprintf(text, sizeof text, "%.3f", *number);
    return text;
}

std::string percent(const std::optional<double>& share) {
    if (!share) return "–";
    char text[32];
    std::snprintf(text, sizeof text, "%.1f %%", 100 * *share);
    return text;
}

Table table_of_kinds(const Evaluation& e) {
    Table table = {{"kind", "loss", "floor", "bigram", "exact", "answers"}};
    for (std::size_t k = 1; k <= e.mtp_acceptance.size(); ++k)
        table[0].push_back("MTP " + std::to_string(k));
    const auto add = [&](const std::string& name, double loss, const std::optional<double>& floor,
                         double bigram, const std::optional<double>& exact, std::int64_t answers,
                         const std::vector<double>& acceptance) {
        table.push_back({name, nats(loss), nats(floor), nats(bigram), percent(exact),
                         answers > 0 ? std::to_string(answers) : "–"});
        for (const double share : acceptance) table.back().push_back(percent(share));
    };
    for (const KindEvaluation& k : e.kinds)
        add(k.kind, k.loss, k.floor, k.bigram_loss, k.exact_match(), k.answers, k.mtp_acceptance);
    if (e.kinds.size() > 1)
        add("all", e.loss, e.floor, e.bigram_loss, e.exact_match, e.answers, e.mtp_acceptance);
    return table;
}

std::size_t width_of(const std::string& utf8) {
    return static_cast<std::size_t>(std::count_if(utf8.begin(), utf8.end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
    }));
}

// The first column to the left, numbers to the right.
void print(const Table& table) {
    std::vector<std::size_t> widths(table.front().size());
    for (const auto& row : table)
        for (std::size_t i = 0; i < row.size(); ++i)
            widths[i] = std::max(widths[i], width_of(row[i]));
    for (const auto& row : table) {
        std::string line;
        for (std::size_t i = 0; i < row.size(); ++i) {
            const std::string space(widths[i] - width_of(row[i]), ' ');
            line += i == 0 ? row[i] + space : "  " + space + row[i];
        }
        std::cout << line << '\n';
    }
}

void print_markdown(const Table& table) {
    for (std::size_t r = 0; r < table.size(); ++r) {
        std::cout << '|';
        for (const auto& cell : table[r]) std::cout << ' ' << cell << " |";
        std::cout << '\n';
        if (r > 0) continue;
        std::cout << "|---|";
        for (std::size_t i = 1; i < table[0].size(); ++i) std::cout << "--:|";
        std::cout << '\n';
    }
}

void print_all(const ChosenModel& chosen, const Evaluation& e) {
    const auto step = chosen.model->weights->trained_step;
    std::cout << chosen.model->name << ", "
              << (step > 0 ? std::to_string(step) + " steps of training" : "untrained") << ", on "
              << e.documents << (e.floor ? " documents" : " rows") << " of " << e.tokens
              << " tokens that were held out (nats a token)\n";
    if (e.skipped > 0)
        std::cout << e.skipped << " documents were longer than the context and are left out\n";
    std::cout << '\n';
    print(table_of_kinds(e));
    if (!e.layers.empty()) {
        Table table = {{"layer", "violation", "specialisation"}};
        for (const LayerEvaluation& l : e.layers)
            table.push_back({l.layer, nats(l.violation), nats(l.specialisation)});
        std::cout << "\nExperts: largest load / mean − 1; what the expert tells of the kind, in "
                     "nats";
        if (e.kinds.size() > 1)
            std::cout << " of " << nats(std::log(static_cast<double>(e.kinds.size())));
        std::cout << '\n';
        print(table);
    }
    if (!e.mtp_acceptance.empty()) {
        Table table = {{"depth", "acceptance", "accuracy"}};
        for (std::size_t k = 0; k < e.mtp_acceptance.size(); ++k)
            table.push_back(
                {std::to_string(k + 1), percent(e.mtp_acceptance[k]), percent(e.mtp_accuracy[k])});
        std::cout << "\nMTP: the module's best token is the main model's; is the one that comes\n";
        print(table);
    }
}

}  // namespace

int eval(const EvalArguments& arguments) {
    check_options(arguments);
    if (arguments.backend.value == "gl")
        throw UserError(
            "--backend: eval reads on the CPU's threads, not by OpenGL: use cpu or auto");
    const EvaluationOptions options = options_of(arguments);
    const ChosenModel chosen = choose_model(arguments);
    const Evaluation result = evaluate(chosen.model, options);
    if (!chosen.note.empty()) say(chosen.note);
    if (arguments.json)
        std::cout << report(chosen, result).dump() << '\n';
    else if (arguments.markdown)
        print_markdown(table_of_kinds(result));
    else
        print_all(chosen, result);
    return 0;
}

}  // namespace sf::cli
