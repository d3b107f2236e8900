#pragma once

#include "core/run/expert_use.h"
#include "views/result.h"
#include "views/view.h"

#include <cstdint>
#include <string>
#include <vector>

// The page "kinds": what each expert of a layer works on.
namespace sf::experts {

struct KindsScene {
    const Frame* frame = nullptr;
    const Theme* theme = nullptr;
    std::string missing;  // why nothing can be drawn, a sentence; else empty

    std::int64_t layer = 0;
    std::string prefix, title;  // "layers.1.", "layer 1"
    std::int64_t experts = 0, groups = 1;
    std::size_t expert = 0;
    bool own_choice = false;  // the expert was not chosen by hand
    bool relative = true;     // cells tell how often against the expert's mean, else shares
    Result<ExpertUse> use;
    const ExpertUse::Layer* counted = nullptr;  // of `use`; null: not there

    std::size_t kinds() const { return use.value->kinds.size(); }
    // The part of a kind's choices that goes to an expert, and its mean over the kinds.
    double share(std::size_t kind, std::size_t e) const;
    double mean_share(std::size_t e) const;
    // share / mean share: 1, as often as all kinds. NaN where the expert is never chosen.
    double taste(std::size_t kind, std::size_t e) const;
    // Mutual information of kind and expert in nats, all kinds as frequent; at most ln(kinds).
    double information() const;
    std::size_t favourite_kind(std::size_t e) const;
};
KindsScene make_kinds_scene(const Frame& frame, const View& view);
std::vector<Need> kinds_needs(const Frame& frame, const View& view);

std::string kinds_headline(const KindsScene& scene);
std::string kinds_facts(const KindsScene& scene);
std::string kinds_description(const KindsScene& scene);
std::vector<Invariant> kinds_checks(const KindsScene& scene);

// The blocks; each leaves out what has no room.
void draw_kinds_matrix(Canvas& canvas, const KindsScene& scene, const Rect& area);
// What the chosen expert is given with the largest gates: in the corpus, in the text at hand.
void draw_favourites(Canvas& canvas, const KindsScene& scene, const Rect& area);
void draw_own_text(Canvas& canvas, const KindsScene& scene, const Rect& area);
double own_text_height(const KindsScene& scene);
double favourites_height(const KindsScene& scene);  // of all of them

}  // namespace sf::experts
