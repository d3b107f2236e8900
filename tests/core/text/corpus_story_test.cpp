// Stories, read again sentence by sentence: who is where and has what, and which pronoun is whose.

#include "core/text/corpus.h"

#include <gtest/gtest.h>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace sf {
namespace {

using Words = std::vector<std::string>;

const std::set<std::string> women{"Mia", "Eva", "Anna", "Lily", "Nora", "Ida"};
const std::set<std::string> men{"Ben", "Tom", "Leo", "Max", "Paul", "Finn"};

bool is_person(const std::string& word) {
    return women.count(word) + men.count(word) == 1;
}

// What a reader knows. Sentences are told apart by their verbs.
class Reader {
public:
    explicit Reader(const std::string& text) {
        std::istringstream in(text);
        Words sentence;
        for (std::string word; in >> word;) {
            const char end = word.back();
            if (end == '.' || end == '?' || end == ',') word.pop_back();
            sentence.push_back(word);
            if (end != '.' && end != '?') continue;
            if (asked_) {
                EXPECT_EQ(sentence, expected_) << text;
                asked_ = false;
            } else if (end == '?') {
                ask(sentence);
                asked_ = true;
            } else {
                if (sentence[0] == "Today") sentence.erase(sentence.begin());
                tell(sentence);
            }
            sentence.clear();
        }
        EXPECT_FALSE(asked_);
    }
    std::vector<Words> answers;

private:
    // The person meant; pronouns mean the first one of the story.
    std::string who(const std::string& word) const {
        if (is_person(word)) return word;
        const bool she = word == "She" || word == "she" || word == "her" || word == "Her";
        EXPECT_TRUE(she || word == "He" || word == "he" || word == "him" || word == "his") << word;
        EXPECT_EQ(women.count(first_) == 1, she) << first_ << " " << word;
        return first_;
    }
    // As the subject after two have met, a pronoun must not fit both.
    void unambiguous(const std::string& word) const {
        for (const auto& [name, place] : place_) {
            EXPECT_TRUE(is_person(word) || name == first_ ||
                        women.count(name) != women.count(first_));
        }
    }
    void owns(const std::string& person, const std::string& colour, const std::string& thing) {
        EXPECT_EQ(colour_.count(thing), 0U) << thing;
        colour_[thing] = colour;
        holder_[thing] = person;
    }
    void moves(const std::string& person, const std::string& place) { place_[person] = place; }

    void tell(const Words& w) {
        if (first_.empty()) first_ = w[0];
        const auto& verb = w[1];
        if (w[0] == "They" && verb == "play") {
            EXPECT_EQ(holder_.at(w[4]), first_);
        } else if (w[0] == "They") {
            EXPECT_EQ(verb, "swap");
            EXPECT_EQ(holder_.size(), 2U);
            std::swap(holder_.begin()->second, holder_.rbegin()->second);
        } else if (w[0] == "There" && verb == "it") {  // it is
            holder_[lost_] = first_;
        } else if (w[0] == "There" && w[2] == "has") {
            moves(verb, place_.at(first_));
            holder_[lost_] = verb;
        } else if (w[0] == "There") {  // she meets X
            EXPECT_EQ(w[2], "meets");
            EXPECT_NE(w[3], first_);
            moves(w[3], place_.at(who(verb)));
        } else if (w[0] == "Then") {  // X goes to the Y
            const auto person = who(verb);
            EXPECT_TRUE(place_.count(person) == 0 || place_.at(person) != w[5]);
            moves(person, w[5]);
        } else if (w[0] == "Later") {  // X gives it back
            EXPECT_EQ(holder_.at(lost_), verb);
            holder_[lost_] = first_;
        } else if (verb == "has" && w[2] == "lost") {
            who(w[3]);
            owns("", w[4], lost_ = w[5]);
        } else if (verb == "has") {
            owns(who(w[0]), w[3], w[4]);
        } else if (verb == "is") {
            age_ = w[2];
        } else if (verb == "looks") {
            EXPECT_EQ(who(w[0]), first_);
        } else if (verb == "likes") {
            EXPECT_EQ(who(w[0]), first_);
            best_ = w[3];
        } else if (verb == "lends") {
            unambiguous(w[0]);
            EXPECT_EQ(holder_.at(w[4]), who(w[0]));
            holder_[lost_ = w[4]] = w[2];
        } else if (verb == "gives" && w[2] == "it") {
            EXPECT_EQ(holder_.at(lost_), w[0]);
            holder_[lost_] = first_;
        } else if (verb == "gives" && w[2] == "the") {
            unambiguous(w[0]);
            EXPECT_EQ(holder_.at(w[3]), who(w[0]));
            holder_[w[3]] = w[5];
        } else if (verb == "gives") {
            EXPECT_EQ(w[2], "a");
            owns(first_, w[3], w[4]);
            EXPECT_TRUE(gift_.emplace(w[0], w[4]).second);
        } else {
            EXPECT_TRUE(verb == "walks" || verb == "runs" || verb == "goes") << verb;
            moves(who(w[0]), w[4]);
        }
    }

    void ask(const Words& w) {
        const auto& last = w.back();
        const std::string asked = w[0] + " " + w[1];
        if (asked == "Who has") {
            expected_ = {holder_.at(last)};
        } else if (asked == "Who gives") {
            for (const auto& [name, thing] : gift_)
                if (thing == last) expected_ = {name};
        } else if (asked == "What colour") {
            expected_ = {"The", last, "is", colour_.at(last)};
        } else if (asked == "What does" && last == "give") {
            expected_ = {w[2], "gives", "a", colour_.at(gift_.at(w[2])), gift_.at(w[2])};
        } else if (asked == "What does" && last == "have") {
            for (const auto& [thing, name] : holder_)
                if (name == w[2]) expected_ = {w[2], "has", "a", colour_.at(thing), thing};
        } else if (asked == "What does") {
            expected_ = {"The", best_};
        } else if (asked == "How old") {
            expected_ = {age_};
        } else {
            EXPECT_EQ(asked, "Where is");
            expected_ = {last, "is", "at", "the", place_.at(last)};
        }
        answers.push_back(expected_);
    }

    std::string first_, lost_, age_, best_;
    std::map<std::string, std::string> place_, holder_, colour_, gift_;  // gift: of a guest
    bool asked_ = false;
    Words expected_;
};

TEST(CorpusStory, questions_follow_from_what_is_told) {
    for (std::uint64_t i = 0; i < 6000; ++i) {
        const Document d = corpus_document_of(0, 11, CorpusPart::held_out, i);
        const Reader reader(d.text);
        ASSERT_EQ(d.answers.size(), reader.answers.size()) << d.text;
        for (std::size_t k = 0; k < d.answers.size(); ++k) {
            std::istringstream in(
                d.text.substr(d.answers[k].begin, d.answers[k].end - d.answers[k].begin));
            Words words;
            for (std::string word; in >> word;) words.push_back(word);
            ASSERT_EQ(words, reader.answers[k]) << d.text;
        }
        ASSERT_FALSE(HasFailure()) << d.text;
    }
}

}  // namespace
}  // namespace sf
