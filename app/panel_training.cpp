#include "app/panel.h"

#include "app/imgui_compat.h"
#include "views/draw/number.h"
#include "views/draw/text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <vector>

namespace sf {

namespace {

using State = TrainingStatus::State;

// The settings that are changed while one looks on, and how far their tracks reach. Beyond that
// there is train-set. log: powers of ten, with 0 at the left end where low is 0.
struct Track {
    const char* name;
    double low, high;
    bool log, zero;
    bool whole = false;
};
constexpr std::array tracks{
    Track{"lr", 1e-5, 1e-1, true, false}, Track{"gamma", 1e-5, 1e-1, true, true},
    Track{"lambda", 0, 1, false, false},  Track{"alpha", 1e-6, 1e-1, true, true},
    Track{"hot", 0, 1, false, false},     Track{"batch", 1, 64, true, false, true}};
// What a run begins with: chosen before it.
constexpr Track seed_track{"seed", 0, 99, false, false, true};
constexpr Track corpus_track{"corpus.", 0, 4, false, false};
constexpr double zero_part = 0.04;  // of a track, its left end
constexpr std::array balances{BalanceMode::none, BalanceMode::aux, BalanceMode::bias,
                              BalanceMode::bias_seq};

const Track* track_of(const std::string& name) {
    for (const Track& t : tracks)
        if (name == t.name) return &t;
    if (name == seed_track.name) return &seed_track;
    return name.starts_with(corpus_track.name) ? &corpus_track : nullptr;
}

double part_of(const Track& t, double value) {
    if (!t.log) return std::clamp((value - t.low) / (t.high - t.low), 0.0, 1.0);
    if (value < t.low) return 0;
    const double left = t.zero ? zero_part : 0;
    const double part = std::log(value / t.low) / std::log(t.high / t.low);
    return std::min(1.0, left + (1 - left) * part);
}

// Two digits, so that a dragged value reads well.
std::string value_at(const Track& t, double part) {
    const double left = t.zero ? zero_part : 0;
    double value = t.low + (t.high - t.low) * part;
    if (t.log) value = t.low * std::pow(t.high / t.low, (part - left) / (1 - left));
    if (t.zero && part < left) value = 0;
    if (t.whole) return std::to_string(std::llround(value));
    std::array<char, 32> text{};
    const auto end =
        std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::general, 2);
    return {text.data(), end.ptr};
}

std::string state_text(const TrainingStatus* run) {
    if (!run) return "not running";
    switch (run->state) {
        case State::running:
            return "running";
        case State::paused:
            return "paused";
        case State::finished:
            return "finished";
        case State::failed:
            return "stopped";
    }
    return "";
}

std::string nats(double loss) {
    return std::isfinite(loss) ? format_fixed(loss, 3) : "–";
}

// Where the run stands, a line each.
std::vector<std::string> facts(const Controller& c) {
    std::vector<std::string> lines;
    const TrainingStatus* run = c.training();
    const auto history = c.training_history();
    if (run) {
        std::string line =
            "step " + format_count(run->step) + " of " + format_count(run->settings.steps);
        if (run->tokens_per_second > 0)
            line += " · " + format_short(run->tokens_per_second) + " tokens/s";
        lines.push_back(line);
    } else if (history && !history->empty()) {
        lines.push_back("trained for " + format_count(history->back().step) + " steps");
    }
    if (!history || history->empty()) return lines;
    const StepRecord& r = history->back();
    std::string line = "loss " + nats(static_cast<double>(r.loss));
    for (std::size_t k = 0; k < r.mtp_loss.size(); ++k)
        line += (k == 0 ? " · MTP " : ", ") + nats(static_cast<double>(r.mtp_loss[k]));
    lines.push_back(line);
    // The latest look at the held-out text.
    for (std::size_t i = history->size(); i-- > 0;)
        if (std::isfinite((*history)[i].heldout_loss)) {
            line = "held out " + nats(static_cast<double>((*history)[i].heldout_loss));
            if (std::isfinite((*history)[i].bigram_loss))
                line += " · bigrams " + nats(static_cast<double>((*history)[i].bigram_loss));
            lines.push_back(line);
            break;
        }
    if (history->about.floor) lines.push_back("no model is below " + nats(*history->about.floor));
    return lines;
}

}  // namespace

// A square button at a place in the row; true when it was pressed.
bool Panel::icon_button(const char* id, Icon icon, bool lit, int place) {
    const Theme t = controller_.theme();
    const double s = t.text_scale, size = 24 * s;
    const Rect r{left_ + place * 30 * s, ImGui::GetCursorScreenPos().y / scale_, size, size};
    const ImVec2 row = ImGui::GetCursorScreenPos();
    ImGui::SetCursorScreenPos(ImVec2(static_cast<float>(r.x * scale_), row.y));
    const bool pressed = ImGui::InvisibleButton(
        id, ImVec2(static_cast<float>(size * scale_), static_cast<float>(size * scale_)));
    const bool on = lit || ImGui::IsItemHovered();
    (*paint_)([&](Canvas& canvas) {
        canvas.fill_rect(r, on ? t.accent_soft : t.raised, 4);
        draw_icon(canvas, r, icon, on ? t.accent : t.ink_soft);
    });
    tip(id);
    ImGui::SetCursorScreenPos(row);
    return pressed;
}

void Panel::training_slider(const TrainSettingInfo& info) {
    const Track& t = *track_of(info.name);
    const std::string now = controller_.training_setting(info.name);
    double value = 0;
    std::from_chars(now.data(), now.data() + now.size(), value);
    ImGui::PushID(info.name.c_str());
    ImGui::SetCursorScreenPos(
        ImVec2(static_cast<float>(left_ * scale_), ImGui::GetCursorScreenPos().y));
    const auto to = track(info.name, format_number(value, 3), part_of(t, value));
    tip(info.help);
    if (to)
        if (const std::string next = value_at(t, *to); next != now)
            controller_.attempt("train-set " + info.name + "=" + next);
    ImGui::PopID();
}

void Panel::training_choice(const TrainSettingInfo& info) {
    const Theme t = controller_.theme();
    const std::string now = controller_.training_setting(info.name);
    ImGui::PushID(info.name.c_str());
    words(info.name, t.text(t.small(), t.ink_soft), -6);
    ImGui::SetCursorScreenPos(
        ImVec2(static_cast<float>(left_ * scale_), ImGui::GetCursorScreenPos().y));
    ImGui::SetNextItemWidth(static_cast<float>(width_ * scale_));
    if (ImGui::BeginCombo("##value", now.c_str(), ImGuiComboFlags_NoArrowButton)) {
        for (const BalanceMode mode : balances) {
            const std::string choice(balance_name(mode));
            if (ImGui::Selectable(choice.c_str(), choice == now))
                controller_.attempt("train-set " + info.name + "=" + choice);
        }
        ImGui::EndCombo();
    }
    tip(info.help);
    ImGui::PopID();
}

void Panel::training() {
    const Theme t = controller_.theme();
    const double s = t.text_scale;
    const TrainingStatus* run = controller_.training();
    const bool open = controller_.training_panel_open();
    const bool runs = run && run->state == State::running;
    ImGui::PushID("training");

    // The heading folds.
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const double y = at.y / scale_, row = line_height(t.small());
    ImGui::SetCursorScreenPos(ImVec2(static_cast<float>(left_ * scale_), at.y));
    const bool folds = ImGui::InvisibleButton(
        "fold", ImVec2(static_cast<float>(width_ * scale_), static_cast<float>(row * scale_)));
    (*paint_)([&](Canvas& canvas) {
        const TextStyle heading = t.text(t.small(), t.ink_faint);
        canvas.text({left_, y + t.small()}, open ? "Training  –" : "Training  +", heading);
        canvas.text(
            {left_ + width_, y + t.small()}, state_text(run),
            t.text(t.small(), runs ? t.accent : t.ink_faint, Weight::regular, Align::right));
    });
    ImGui::SetCursorScreenPos(
        ImVec2(at.x, static_cast<float>((y + row + (open ? 6 : 10) * s) * scale_)));
    if (open) {
        if (icon_button("Train or pause (R)", runs ? Icon::pause : Icon::play, runs, 0))
            controller_.attempt("train");
        if (icon_button("One training step (N)", Icon::forward, false, 1))
            controller_.attempt("train-step");
        if (run && icon_button("Restart", Icon::restart, false, 2))
            controller_.attempt("train-restart");
        if (run && icon_button("Stop", Icon::stop, false, 3)) controller_.attempt("train-stop");
        ImGui::SetCursorScreenPos(
            ImVec2(at.x, static_cast<float>(ImGui::GetCursorScreenPos().y + 32 * s * scale_)));
        for (const std::string& line : facts(controller_))
            words(line, t.text(t.small(), t.ink), -4);
        if (run && !run->message.empty())
            words(run->message, t.text(t.small(), run->state == State::failed ? t.bad : t.ink_soft),
                  0);
        ImGui::Dummy(ImVec2(1, static_cast<float>(6 * scale_)));
        for (const TrainSettingInfo& info : train_settings()) {
            const bool begins = info.name == seed_track.name;
            if (track_of(info.name) && (!begins || !run) &&
                !info.name.starts_with(corpus_track.name))
                training_slider(info);
            if (info.name == "balance") training_choice(info);
        }
        if (!run)
            for (const std::string& kind : corpus_kind_names())
                training_slider({corpus_track.name + kind,
                                 "How much of the text a run reads is of this kind.", "", ""});
        ImGui::Dummy(ImVec2(1, static_cast<float>(10 * scale_)));
    }
    if (folds) controller_.set_training_panel(!open);
    ImGui::PopID();
}

}  // namespace sf
