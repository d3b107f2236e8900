#include "core/text/corpus/kinds.h"

#include <array>

namespace sf::corpus {

namespace {

constexpr std::array months{"January", "February", "March",     "April",   "May",      "June",
                            "July",    "August",   "September", "October", "November", "December"};
constexpr std::array weekdays{"Monday", "Tuesday",  "Wednesday", "Thursday",
                              "Friday", "Saturday", "Sunday"};
constexpr std::array counts{"Two", "Three", "Four", "Five", "Six"};  // of weekdays, from 2
constexpr int first_year = 2000, last_year = 2039;
constexpr int february = 1;

// Months count from 0. Every fourth year is a leap year from 1901 to 2099.
int days_of(int month, bool leap = false) {
    constexpr int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month] + (leap && month == february ? 1 : 0);
}

std::string month_name(int month) {
    return months[static_cast<std::size_t>(month)];
}

std::string two_digits(int number) {
    return (number < 10 ? "0" : "") + std::to_string(number);
}

std::string date_as(std::size_t notation, int day, int month, int year) {
    const std::string d = std::to_string(day), y = std::to_string(year);
    switch (notation) {
        case 0:
            return y + "-" + two_digits(month + 1) + "-" + two_digits(day);
        case 1:
            return d + " " + month_name(month) + " " + y;
        case 2:
            return d + "." + std::to_string(month + 1) + "." + y;
        default:
            return month_name(month) + " " + d + ", " + y;
    }
}

std::string day_month(int day, int month) {
    return std::to_string(day) + " " + month_name(month);
}

// Every notation becomes "5 March 2024", and that the international one: what is asked for follows.
void notations(Choices& choices, Draft& draft) {
    constexpr std::size_t international = 0, words = 1;
    const std::size_t from = choices.index(4);
    const int year = choices.range(first_year, last_year), month = choices.range(0, 11);
    const int day = choices.range(1, days_of(month, year % 4 == 0));
    draft << "The date " << date_as(from, day, month, year) << " is";
    draft.answer(" " + date_as(from == words ? international : words, day, month, year));
}

// The ends of months are rare, but what there is to learn: half of the days. The end of February
// needs a year and is left out.
void neighbouring_day(Choices& choices, Draft& draft) {
    const bool after = choices.chance(0.5);
    int day = 0, month = 0;
    if (choices.chance(0.5)) {
        month = choices.range(0, 10);  // that ends
        if (month >= february) ++month;
        day = days_of(month);
    } else {
        month = choices.range(0, 11);
        day = choices.range(1, days_of(month) - 1);
    }
    const bool ends = day == days_of(month);
    const std::string one = day_month(day, month);
    const std::string next = ends ? day_month(1, (month + 1) % 12) : day_month(day + 1, month);
    draft << "The day " << (after ? "after " + one : "before " + next) << " is";
    draft.answer(" " + (after ? next : one));
}

void neighbouring_weekday(Choices& choices, Draft& draft) {
    const bool after = choices.chance(0.5);
    const std::size_t day = choices.index(7);
    draft << "The day " << (after ? "after " : "before ") << weekdays[day] << " is";
    draft.answer(std::string(" ") + weekdays[(day + (after ? 1 : 6)) % 7]);
}

void later_weekday(Choices& choices, Draft& draft) {
    const std::size_t count = choices.index(counts.size()), day = choices.index(7);
    draft << counts[count] << " days after " << weekdays[day] << " is";
    draft.answer(std::string(" ") + weekdays[(day + count + 2) % 7]);
}

void neighbouring_month(Choices& choices, Draft& draft) {
    const bool after = choices.chance(0.5);
    const int month = choices.range(0, 11);
    draft << "The month " << (after ? "after " : "before ") << month_name(month) << " is";
    draft.answer(" " + month_name((month + (after ? 1 : 11)) % 12));
}

void month_number(Choices& choices, Draft& draft) {
    const bool named = choices.chance(0.5);
    const int month = choices.range(0, 11);
    if (named) {
        draft << month_name(month) << " is month";
        draft.answer(" " + std::to_string(month + 1));
    } else {
        draft << "Month " << month + 1 << " is";
        draft.answer(" " + month_name(month));
    }
}

void month_length(Choices& choices, Draft& draft) {
    const int month = choices.range(0, 11), year = choices.range(first_year, last_year);
    draft << month_name(month) << " " << year << " has";
    draft.answer(" " + std::to_string(days_of(month, year % 4 == 0)));
    draft.answer(" days");
}

}  // namespace

// "The date 2024-03-05 is 5 March 2024. March is month 3. The day after 30 April is 1 May."
void write_dates(Choices& choices, Draft& draft) {
    constexpr std::array<Writer, 5> others{neighbouring_weekday, later_weekday, neighbouring_month,
                                           month_number, month_length};
    const int facts = choices.range(3, 4);
    for (int i = 0; i < facts; ++i) {
        if (i > 0) draft << " ";
        // Most of the room for what there is most of to learn.
        if (choices.chance(0.4))
            notations(choices, draft);
        else if (choices.chance(0.4))
            neighbouring_day(choices, draft);
        else
            choices.pick(others)(choices, draft);
        draft << ".";
    }
}

}  // namespace sf::corpus
