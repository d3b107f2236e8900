#include "core/run/derived.h"

#include <algorithm>
#include <exception>
#include <new>
#include <utility>

namespace sf {

DerivedKey key_of_text(const std::string& what, const std::vector<std::int64_t>& ids,
                       const void* of) {
    std::string name = what + ":";
    for (const std::int64_t id : ids) name += " " + std::to_string(id);
    return {name, of};
}

const Derived::Entry* Derived::entry(const DerivedKey& key) const {
    const auto it = entries_.find(key);
    return it == entries_.end() ? nullptr : &it->second;
}

bool Derived::settled(const std::vector<Need>& needs) const {
    return std::all_of(needs.begin(), needs.end(), [&](const Need& need) {
        const Entry* e = entry(need.key);
        return e != nullptr && e->settled();
    });
}

void Derived::set(const DerivedKey& key, Entry entry) {
    entries_[key] = std::move(entry);
}

void Derived::settle(const std::vector<Need>& needs) {
    for (const Need& need : needs)
        if (!settled({need})) set(need.key, computed(need, [](double) { return true; }));
}

Derived::Entry Derived::computed(const Need& need, const Progress& progress) {
    Entry entry;
    bool refused = false;
    const auto asked = [&](double part) {
        refused = refused || !progress(part);
        return !refused;
    };
    try {
        entry.value = need.compute(asked);
        if (!entry.value && !refused) entry.error = need.key.name + ": has no result";
    } catch (const std::bad_alloc&) {
        entry.error = "there is not enough memory for this";
    } catch (const std::exception& e) {
        entry.error = e.what();
    }
    if (entry.settled()) entry.progress = 1;
    return entry;
}

}  // namespace sf
