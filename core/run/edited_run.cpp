#include "core/run/edited_run.h"

#include "core/error.h"
#include "core/run/runner.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string>

namespace sf {

std::int64_t EditedRun::bytes() const {
    std::int64_t all = 0;
    for (NodeId id = 0; id < run->graph->size(); ++id) {
        const TensorPtr mine = run->share(id);
        if (mine && mine != base->share(id)) all += mine->bytes();
    }
    return all;
}

Edit read_edit(const Trace& trace, std::string_view text) {
    const std::string where = "edit: '" + std::string(text) + "': ";
    const std::size_t open = text.find('['), close = text.find("]=");
    if (open == std::string_view::npos || close == std::string_view::npos || close < open)
        throw UserError(where + "is NODE[INDEX]=VALUE, as layers.1.scores[0,2,5,3]=2.5");
    Edit e;
    e.node = text.substr(0, open);
    const NodeId id = trace.graph->find(e.node);
    if (id == no_node) throw UserError(where + "there is no tensor '" + e.node + "'");
    const std::string_view value = text.substr(close + 2);
    const auto end = value.data() + value.size();
    if (const auto read = std::from_chars(value.data(), end, e.value);
        read.ec != std::errc() || read.ptr != end || !std::isfinite(e.value))
        throw UserError(where + "the value must be a finite number");
    std::vector<std::int64_t> index;
    std::string_view rest = text.substr(open + 1, close - open - 1);
    for (bool more = true; more;) {
        const std::size_t comma = std::min(rest.find(','), rest.size());
        std::int64_t i = 0;
        const auto read = std::from_chars(rest.data(), rest.data() + comma, i);
        if (read.ec != std::errc() || read.ptr != rest.data() + comma || comma == 0)
            throw UserError(where + "the index must be whole numbers from 0");
        index.push_back(i);
        more = comma < rest.size();
        if (more) rest.remove_prefix(comma + 1);
    }
    const Shape shape = trace.shape(id);
    const std::string outside = where + "the index is outside " + e.node + " " + to_string(shape);
    if (index.size() == 1) {
        e.index = index.front();
        if (e.index < 0 || e.index >= shape.size()) throw UserError(outside);
        return e;
    }
    if (static_cast<int>(index.size()) != shape.rank) throw UserError(outside);
    for (int d = 0; d < shape.rank; ++d) {
        const std::int64_t i = index[static_cast<std::size_t>(d)];
        if (i < 0 || i >= shape[d]) throw UserError(outside);
        e.index = e.index * shape[d] + i;
    }
    return e;
}

Need edited_run(const TracePtr& base, const std::vector<Edit>& edits) {
    const auto compute = [base, edits](const Progress&) -> DerivedPtr {
        if (!base->weights) throw UserError("edit: a saved trace holds no weights");
        auto result = std::make_shared<EditedRun>();
        result->base = base;
        result->run = edit_trace(*base, edits);
        result->timeline = std::make_shared<const Timeline>(*result->run);
        return result;
    };
    return {{"edited run:" + edits_text(edits), base.get()}, compute};
}

}  // namespace sf
