#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace sf {

// A costly result that a picture needs beside its trace (singular values, the loss under another
// scaling of the positions). A function of what its key names, so it may be computed anywhere and
// at any time: off the window's thread, and drawn as pending until it is there.
class DerivedValue {
public:
    virtual ~DerivedValue() = default;
};
using DerivedPtr = std::shared_ptr<const DerivedValue>;

struct DerivedKey {
    std::string name;          // of the computation, with its parameters
    const void* of = nullptr;  // what it is computed from; the need's `compute` keeps it alive
    auto operator<=>(const DerivedKey&) const = default;
};
// Of something computed from a text.
DerivedKey key_of_text(const std::string& what, const std::vector<std::int64_t>& ids,
                       const void* of);

// Told how much is done, 0..1; answers whether anybody still waits for it.
using Progress = std::function<bool(double)>;

struct Need {
    DerivedKey key;
    // Null once progress said no. May throw; what() is then shown in the result's place.
    std::function<DerivedPtr(const Progress&)> compute;
};

// What there is of the results. A value: copies share the results.
class Derived {
public:
    struct Entry {
        DerivedPtr value;  // null: not there yet
        std::string error;
        double progress = 0;
        bool settled() const { return value != nullptr || !error.empty(); }
    };

    // Null where it is not there (yet).
    const Entry* entry(const DerivedKey& key) const;
    template <class T>
    const T* find(const DerivedKey& key) const {
        const Entry* e = entry(key);
        return e ? dynamic_cast<const T*>(e->value.get()) : nullptr;
    }
    bool settled(const std::vector<Need>& needs) const;

    void set(const DerivedKey& key, Entry entry);
    void erase(const DerivedKey& key) { entries_.erase(key); }

    // Computes here and now what of them is missing: figures and tests.
    void settle(const std::vector<Need>& needs);
    static Entry computed(const Need& need, const Progress& progress);

private:
    std::map<DerivedKey, Entry> entries_;
};

}  // namespace sf
