"""The lifestyle form of the checkup: one Questionnaire in English and Chinese, and the responses to it.

https://hl7.org/fhir/R4/questionnaire.html, https://hl7.org/fhir/R4/questionnaireresponse.html
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from fhirhub.demo.codes import DEMO, LOINC, Json, Text, coding, resource

QUESTIONNAIRE_ID: Final = "demo-lifestyle"
QUESTIONNAIRE_URL: Final = f"{DEMO}/Questionnaire/lifestyle"
QUESTIONNAIRE_VERSION: Final = "1.0.0"
ANSWERS: Final = f"{DEMO}/CodeSystem/lifestyle-answers"

Answer = str | int | Decimal | bool
"""A choice as its code, a whole number, a decimal or a boolean."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One answer of a choice question; `system` is the form's own unless the code is from LOINC."""

    code: str
    text: Text
    system: str = ANSWERS

    def coded(self, chinese: bool = False) -> Json:
        """The answer as a Coding, displayed in the reader's language."""
        return coding(self.system, self.code, self.text.pick(chinese))


@dataclass(frozen=True, slots=True)
class Question:
    """One question. `shown_when` is (linkId, codes) of the choice that makes it appear."""

    link_id: str
    kind: str
    text: Text
    loinc: tuple[str, str] | None = None
    choices: tuple[Choice, ...] = ()
    unit: str | None = None
    limits: tuple[int, int] | None = None
    shown_when: tuple[str, tuple[str, ...]] | None = None
    required: bool = False


SMOKING: Final = (
    Choice("LA18978-9", Text("Never smoker", "从不吸烟"), LOINC),
    Choice("LA15920-4", Text("Former smoker", "已戒烟"), LOINC),
    Choice("LA18977-1", Text("Current some day smoker", "偶尔吸烟"), LOINC),
    Choice("LA18976-3", Text("Current every day smoker", "每天吸烟"), LOINC),
)
NEVER, FORMER, SOME_DAYS, EVERY_DAY = (choice.code for choice in SMOKING)

SECTIONS: Final[tuple[tuple[str, Text, tuple[Question, ...]], ...]] = (
    (
        "tobacco-alcohol",
        Text("Tobacco and alcohol", "吸烟与饮酒"),
        (
            Question(
                "smoking",
                "choice",
                Text("Do you smoke?", "您吸烟吗？"),
                ("72166-2", "Tobacco smoking status"),
                SMOKING,
                required=True,
            ),
            Question(
                "cigarettes",
                "integer",
                Text("How many cigarettes a day?", "每天吸多少支烟？"),
                unit="{cigarettes}/d",
                limits=(0, 100),
                shown_when=("smoking", (SOME_DAYS, EVERY_DAY)),
            ),
            Question(
                "alcohol",
                "choice",
                Text("How often do you drink alcohol?", "您多久饮一次酒？"),
                choices=(
                    Choice("never", Text("Never", "从不")),
                    Choice("occasional", Text("Less than once a week", "每周不到一次")),
                    Choice("weekly", Text("One to four days a week", "每周一至四天")),
                    Choice("daily", Text("Five days a week or more", "每周五天及以上")),
                ),
                required=True,
            ),
            Question(
                "drinks",
                "decimal",
                Text("How many standard drinks on such a day?", "饮酒日平均饮用几个标准杯？"),
                ("74013-4", "Alcoholic drinks per drinking day"),
                unit="{drinks}/d",
                limits=(0, 40),
                shown_when=("alcohol", ("occasional", "weekly", "daily")),
            ),
        ),
    ),
    (
        "activity-sleep",
        Text("Activity and sleep", "运动与睡眠"),
        (
            Question(
                "activity",
                "integer",
                Text("Minutes of moderate or vigorous exercise a week", "每周中高强度运动多少分钟？"),
                unit="min/wk",
                limits=(0, 3000),
                required=True,
            ),
            Question("sleep", "decimal", Text("Hours of sleep a night", "每晚睡眠几小时？"), unit="h", limits=(0, 24)),
        ),
    ),
    (
        "diet-mind",
        Text("Diet and mind", "饮食与心理"),
        (
            Question(
                "salt",
                "choice",
                Text("How salty do you like your food?", "您的口味偏咸还是偏淡？"),
                choices=(
                    Choice("light", Text("Light", "清淡")),
                    Choice("medium", Text("Medium", "适中")),
                    Choice("salty", Text("Salty", "偏咸")),
                ),
            ),
            Question(
                "vegetables",
                "integer",
                Text("Portions of vegetables and fruit a day", "每天吃几份蔬菜水果？"),
                limits=(0, 20),
            ),
            Question(
                "stress",
                "choice",
                Text("How often did you feel stressed in the last month?", "最近一个月您感到压力大的频率？"),
                choices=(
                    Choice("seldom", Text("Seldom", "很少")),
                    Choice("sometimes", Text("Sometimes", "有时")),
                    Choice("often", Text("Often", "经常")),
                ),
            ),
            Question("medicines", "boolean", Text("Do you take any medicine regularly?", "您是否长期服药？")),
        ),
    ),
)


def questionnaire() -> Json:
    """The form as a Questionnaire, English with the Chinese words in the translation extension."""
    return resource(
        "Questionnaire",
        QUESTIONNAIRE_ID,
        language="en",
        url=QUESTIONNAIRE_URL,
        version=QUESTIONNAIRE_VERSION,
        name="LifestyleOfCheckup",
        **Text("Lifestyle before your checkup", "体检前生活方式问卷").with_translation("title"),
        status="active",
        subjectType=["Patient"],
        date="2024-01-01",
        publisher="Example Hospital",
        description="Ten questions answered before each yearly checkup. Invented for the demo data of fhirhub.",
        item=[
            {
                "linkId": link_id,
                **title.with_translation("text"),
                "type": "group",
                "item": [_question_item(question) for question in questions],
            }
            for link_id, title, questions in SECTIONS
        ],
    )


def _question_item(question: Question) -> Json:
    item: Json = {"extension": _extensions(question)} if question.unit or question.limits else {}
    item["linkId"] = question.link_id
    if question.loinc:
        item["code"] = [coding(LOINC, *question.loinc)]
    item |= question.text.with_translation("text")
    item["type"] = question.kind
    if question.shown_when:
        link_id, codes = question.shown_when
        system = ANSWERS if link_id == "alcohol" else LOINC
        item["enableWhen"] = [
            {"question": link_id, "operator": "=", "answerCoding": {"system": system, "code": code}} for code in codes
        ]
        if len(codes) > 1:
            item["enableBehavior"] = "any"
    if question.required:
        item["required"] = True
    if question.choices:
        item["answerOption"] = [
            {
                "valueCoding": {
                    "system": choice.system,
                    "code": choice.code,
                    **choice.text.with_translation("display"),
                },
            }
            for choice in question.choices
        ]
    return item


def _extensions(question: Question) -> list[Json]:
    """https://hl7.org/fhir/R4/extension-questionnaire-unit.html, -minvalue.html and -maxvalue.html"""
    extensions: list[Json] = []
    if question.unit:
        extensions.append(
            {
                "url": "http://hl7.org/fhir/StructureDefinition/questionnaire-unit",
                "valueCoding": coding("http://unitsofmeasure.org", question.unit, question.unit),
            }
        )
    if question.limits:
        kind = "valueInteger" if question.kind == "integer" else "valueDecimal"
        extensions += [
            {"url": f"http://hl7.org/fhir/StructureDefinition/{end}Value", kind: limit}
            for end, limit in zip(("min", "max"), question.limits, strict=True)
        ]
    return extensions


def response_items(answers: Mapping[str, Answer], chinese: bool) -> list[Json]:
    """The items of a QuestionnaireResponse, in the order of the form, in the words of the person's language."""
    sections: list[Json] = []
    for link_id, title, questions in SECTIONS:
        items = [
            {
                "linkId": question.link_id,
                "text": question.text.pick(chinese),
                "answer": [_answer(question, answers[question.link_id], chinese)],
            }
            for question in questions
            if question.link_id in answers
        ]
        sections.append({"linkId": link_id, "text": title.pick(chinese), "item": items})
    return sections


def _answer(question: Question, answer: Answer, chinese: bool) -> Json:
    if question.kind == "choice":
        chosen = next(choice for choice in question.choices if choice.code == answer)
        return {"valueCoding": chosen.coded(chinese)}
    return {f"value{question.kind.capitalize()}": answer}
