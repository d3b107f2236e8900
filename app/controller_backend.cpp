#include "app/controller.h"

#include <chrono>
#include <thread>
#include <utility>

namespace sf {

namespace {

// While a device is opened or compiles, its progress is looked at so often, in seconds.
constexpr double look_every = 0.1;

}  // namespace

void Controller::set_backend(std::string_view word) {
    if (word.empty()) word = device() ? "cpu" : "gl";
    if (word != "cpu" && word != "gl" && word != "auto")
        throw UserError("backend", "",
                        "takes 'cpu', 'gl' or 'auto', not '" + std::string(word) + "'");
    open_backend(backend_wish(std::string(word)), true);
}

void Controller::open_backend(BackendWish wish, bool tell) {
    wish_ = wish;
    tell_backend_ = tell;
    opening_ = std::async(std::launch::async, [wish, wake = host_.wake] {
        ChosenBackend chosen = sf::open_backend(wish, true);
        if (wake) wake();
        return chosen;
    });
    changed();
}

// The device that runs use, once it can; null: the CPU.
BackendPtr Controller::device() const {
    return chosen_.backend && chosen_.backend->given_up().empty() ? chosen_.backend : nullptr;
}

bool Controller::backend_pending() const {
    return opening_.valid() || (chosen_.backend && !backend_posted_);
}

std::string Controller::backend_text() const {
    if (opening_.valid()) return "CPU, a device is being opened";
    const BackendPtr d = device();
    if (!d) return "CPU";
    const std::string name = short_name(d->device());
    if (backend_posted_) return "CPU + " + name;
    return "CPU, " + name + " compiles " + std::to_string(static_cast<int>(100 * d->ready())) +
           " %";
}

void Controller::wait_for_backend() {
    while (backend_pending()) {
        if (opening_.valid())
            opening_.wait();
        else
            std::this_thread::sleep_for(std::chrono::milliseconds(2));
        take_backend();
    }
}

void Controller::take_backend() {
    if (opening_.valid() &&
        opening_.wait_for(std::chrono::seconds(0)) == std::future_status::ready) {
        chosen_ = opening_.get();
        if (chosen_.refused && host_.compute_context)
            if (auto context = host_.compute_context())
                chosen_ = sf::open_backend(wish_, true, std::move(context));
        backend_posted_ = false;
        if (chosen_.refused)
            show_error(chosen_.note);
        else if (!chosen_.backend && tell_backend_)
            say(chosen_.note);
        if (!chosen_.backend) post(SetBackend{});
        changed();
    }
    if (!chosen_.backend) return;
    if (const std::string why = chosen_.backend->given_up(); !why.empty()) {
        show_error(why);
        chosen_ = {nullptr, why};
        post(SetBackend{});
        return changed();
    }
    if (!backend_posted_ && chosen_.backend->ready() < 1 &&
        now_ < next_look_)  // its progress is shown
        return;
    if (!backend_posted_) changed();
    next_look_ = now_ + look_every;
    if (!backend_posted_ && chosen_.backend->ready() >= 1) {
        backend_posted_ = true;
        post(SetBackend{chosen_.backend});
    }
}

}  // namespace sf
