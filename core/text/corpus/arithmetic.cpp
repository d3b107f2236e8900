#include "core/text/corpus/kinds.h"

namespace sf::corpus {

// "23 + 45 = 68; 9 - 4 = 5; 30 + 8 = 38." or, each going on from the result before it,
// "23 + 45 = 68, 68 - 4 = 64, 64 + 8 = 72." Numbers are 0 to 99. The larger number of an equation
// is drawn first and all alike, so that small ones are seen often enough to be learned first.
void write_arithmetic(Choices& choices, Draft& draft) {
    constexpr int largest = 99;
    const bool chain = choices.chance(0.25);  // the separator tells
    const int equations = choices.range(3, 6);
    int left = 0, result = 0;
    for (int i = 0; i < equations; ++i) {
        if (i > 0) draft << (chain ? ", " : "; ");
        const bool goes_on = chain && i > 0;
        const bool plus = choices.chance(0.5);
        int right = 0;
        if (goes_on) {
            left = result;
            right = choices.range(0, plus ? largest - left : left);
        } else if (plus) {
            const int sum = choices.range(0, largest);
            left = choices.range(0, sum);
            right = sum - left;
        } else {
            left = choices.range(0, largest);
            right = choices.range(0, left);
        }
        result = plus ? left + right : left - right;
        draft << left << (plus ? " + " : " - ") << right << " = ";
        draft.answer(result);
    }
    draft << ".";
}

}  // namespace sf::corpus
