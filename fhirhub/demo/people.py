"""Who is in the demo population: identity, contact data and language, without any health data.

Nothing here can be taken for a real person's number:
- Chinese identity-card numbers are well formed (18 characters, birth date, sex in the 17th digit, ISO 7064 MOD 11-2
  check character as in GB 11643) but begin with the region 999999, which GB/T 2260 does not contain and which is no
  issuer of any card.
- Phone numbers: +44 7700 900xxx is set aside by Ofcom for fiction. China sets no range aside, so Chinese numbers begin
  with 000, which no network there serves.
- Passport numbers begin with ZZ, a country code that ISO 3166 leaves to users; record numbers are the demo's own.
- Places are called "示例" (example).
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from fhirhub.demo.dice import Dice
from fhirhub.demo.names import (
    CHINESE_FEMALE,
    CHINESE_MALE,
    CHINESE_SURNAMES,
    DISTRICTS,
    ENGLISH_FEMALE,
    ENGLISH_MALE,
    ENGLISH_SURNAMES,
    ROADS,
)

CHINESE_SHARE: Final = 0.6
FICTITIOUS_REGION: Final = "999999"


@dataclass(frozen=True, slots=True)
class PersonName:
    """A name as written by its bearer; pinyin parts are empty for English names."""

    family: str
    given: tuple[str, ...]
    pinyin_family: str = ""
    pinyin_given: str = ""

    @property
    def written(self) -> str:
        """The whole name in its usual order: family name first in Chinese, last in English."""
        if self.pinyin_family:
            return self.family + "".join(self.given)
        return f"{' '.join(self.given)} {self.family}"


@dataclass(frozen=True, slots=True)
class Person:
    """One person of the population. `sex` is an administrative-gender code, male or female."""

    number: int
    name: PersonName
    sex: str
    born: date
    phone: str
    email: str
    national_id: str
    road: str
    district: str
    house: int
    married: bool
    chinese: bool

    @property
    def id(self) -> str:
        """The stable logical id, `demo-p0001` for the first person."""
        return patient_id(self.number)

    def age_on(self, day: date) -> int:
        """Completed years of age on a day."""
        return day.year - self.born.year - ((day.month, day.day) < (self.born.month, self.born.day))


def patient_id(number: int) -> str:
    """The logical id of the Patient with this number, counted from 1."""
    return f"demo-p{number:04d}"


def identity_card_number(born: date, sequence: int, male: bool) -> str:
    """A well-formed Chinese identity-card number of a region that does not exist (see the module's docstring).

    `sequence` is taken modulo 500: three digits, odd for men and even for women.
    """
    digits = f"{FICTITIOUS_REGION}{born:%Y%m%d}{sequence % 500 * 2 + male:03d}"
    weighted = sum(int(digit) * pow(2, 17 - place, 11) for place, digit in enumerate(digits))
    return digits + "10X98765432"[weighted % 11]


def draw_name(dice: Dice, sex: str, chinese: bool) -> PersonName:
    """A name of the language, one or two given names."""
    if chinese:
        family, pinyin_family = dice.pick_early(CHINESE_SURNAMES)
        pool = CHINESE_MALE if sex == "male" else CHINESE_FEMALE
        parts = [dice.pick(pool)]
        if dice.chance(0.72):
            second = dice.pick(pool)
            if second != parts[0]:
                parts.append(second)
        given = "".join(character for character, _ in parts)
        return PersonName(family, (given,), pinyin_family, "".join(sound for _, sound in parts).capitalize())
    pool_english = ENGLISH_MALE if sex == "male" else ENGLISH_FEMALE
    first, middle = dice.pick(pool_english), dice.pick(pool_english)
    given_names = (first, middle) if middle != first and dice.chance(0.4) else (first,)
    return PersonName(dice.pick_early(ENGLISH_SURNAMES), given_names)


def phone_number(dice: Dice, chinese: bool) -> str:
    """A number that reaches nobody."""
    return (
        f"+86 000 {dice.whole(0, 9999):04d} {dice.whole(0, 9999):04d}"
        if chinese
        else f"+44 7700 900{dice.whole(0, 999):03d}"
    )


def draw_person(seed: int, number: int, until: date) -> Person:
    """The person with this number: the same for the same seed, however many others are drawn."""
    dice = Dice(seed, number, purpose=1)
    chinese = dice.chance(CHINESE_SHARE)
    sex = "male" if dice.chance(0.5) else "female"
    age = 27 + int((dice.uniform(0, 1) + dice.uniform(0, 1)) * 28)
    born = date(until.year - age, 1, 1) + timedelta(days=dice.whole(0, 364))
    name = draw_name(dice, sex, chinese)
    road, district = dice.pick(ROADS), dice.pick(DISTRICTS)
    mailbox = f"{name.pinyin_given or name.given[0]}.{name.pinyin_family or name.family}{number}"
    return Person(
        number=number,
        name=name,
        sex=sex,
        born=born,
        phone=phone_number(dice, chinese),
        email=mailbox.lower().replace("ü", "v").replace("'", "") + "@mail.example",
        national_id=identity_card_number(born, number, sex == "male") if chinese else f"ZZ{number:07d}",
        road=road[0 if chinese else 1],
        district=district[0 if chinese else 1],
        house=dice.whole(1, 299),
        married=age >= 30 and dice.chance(0.75),
        chinese=chinese,
    )
