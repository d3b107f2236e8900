#include "views/mtp_pages.h"
#include "views/registry.h"

namespace sf {

namespace {

// What does each module see, where does the extra signal come from, and when does drafting pay?
class MtpView final : public PagedView {
public:
    MtpView() : PagedView(pages()) {}
    std::string id() const override { return "mtp"; }
    std::string title() const override { return "Multi-token prediction"; }
    std::string group() const override { return "Prediction"; }
    std::string lesson() const override {
        return "A language model is trained on one question a position: which token comes next? "
               "MTP modules ask more: module k foretells the token k + 1 places on. It joins the "
               "hidden state of the depth before it with the embedding of the token k places on, "
               "so that each depth knows one token more and the chain of causes stays whole; "
               "embedding and head are the main model's own. (Parallel heads, mtp_kind=parallel, "
               "all read the main model's state alone and know no token more.) In training their "
               "losses are one more signal, weighed by λ. In use the modules draft: the main "
               "model reads the drafts in one pass, keeps one of probability q with the chance "
               "min(1, p/q), and where it rejects one it draws from what is left, max(0, p − q). "
               "The text then has exactly the distribution that it has without drafts. Pull "
               "“damage” up: fewer drafts hold, and still no token's chance changes.";
    }

private:
    static Pages pages() {
        Pages all;
        all.push_back(mtp::make_stairs_page());
        all.push_back(mtp::make_draft_page());
        return all;
    }
};

}  // namespace

std::unique_ptr<const View> make_mtp_view() {
    return std::make_unique<MtpView>();
}

}  // namespace sf
