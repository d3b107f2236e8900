#pragma once

#include <cassert>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace sf::corpus {

// Who decides where a generator has a choice: random numbers, or a test that walks every path.
class ChoiceSource {
public:
    virtual ~ChoiceSource() = default;
    virtual std::size_t one_of(std::size_t options) = 0;  // 0 .. options - 1, all alike
    virtual bool chance(double probability) = 0;
};

class RandomSource : public ChoiceSource {
public:
    RandomSource(std::uint64_t seed, std::uint64_t stream) : seed_(seed), stream_(stream) {}
    std::size_t one_of(std::size_t options) override;
    bool chance(double probability) override;

private:
    std::uint64_t seed_, stream_, next_ = 0;
};

// All that is random in a document. It draws and keeps the account in one place, so that no choice
// can be forgotten. A generator must make every choice visible in its text.
class Choices {
public:
    explicit Choices(ChoiceSource& source) : source_(source) {}

    std::size_t index(std::size_t options) {
        assert(options > 0);
        if (options == 1) return 0;
        nats_ += std::log(static_cast<double>(options));
        return source_.one_of(options);
    }
    // low .. high, both included.
    int range(int low, int high) {
        assert(low <= high);
        return low + static_cast<int>(index(static_cast<std::size_t>(high - low) + 1));
    }
    bool chance(double probability) {
        assert(probability > 0 && probability < 1);
        const bool yes = source_.chance(probability);
        nats_ -= std::log(yes ? probability : 1 - probability);
        return yes;
    }
    // The list must not hold anything twice.
    template <class List>
    const auto& pick(const List& list) {
        return list[index(list.size())];
    }
    // Picks and removes, so that what is taken next is another.
    template <class T>
    T take(std::vector<T>& list) {
        const auto at = list.begin() + static_cast<std::ptrdiff_t>(index(list.size()));
        T taken = std::move(*at);
        list.erase(at);
        return taken;
    }

    // -ln of the probability of all choices so far.
    double nats() const { return nats_; }

private:
    ChoiceSource& source_;
    double nats_ = 0;
};

}  // namespace sf::corpus
