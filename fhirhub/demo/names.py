"""Names for the demo population: common Chinese surnames and given-name characters with pinyin, and English names.

Combined at random, so that any likeness to a living person is chance. Frequent surnames stand first.
"""

from typing import Final


def _pairs(listing: str) -> tuple[tuple[str, str], ...]:
    """Reads "characters pinyin" pairs separated by commas."""
    return tuple((characters, pinyin) for characters, pinyin in (pair.split() for pair in listing.split(",")))


def _words(listing: str) -> tuple[str, ...]:
    return tuple(listing.split())


CHINESE_SURNAMES: Final = _pairs(
    "王 Wang,李 Li,张 Zhang,刘 Liu,陈 Chen,杨 Yang,黄 Huang,赵 Zhao,吴 Wu,周 Zhou,徐 Xu,孙 Sun,马 Ma,朱 Zhu,"
    "胡 Hu,郭 Guo,何 He,林 Lin,高 Gao,罗 Luo,郑 Zheng,梁 Liang,谢 Xie,宋 Song,唐 Tang,许 Xu,邓 Deng,韩 Han,"
    "冯 Feng,曹 Cao,彭 Peng,曾 Zeng,肖 Xiao,田 Tian,董 Dong,潘 Pan,袁 Yuan,蔡 Cai,蒋 Jiang,余 Yu,于 Yu,杜 Du,"
    "叶 Ye,程 Cheng,魏 Wei,苏 Su,吕 Lü,丁 Ding,沈 Shen,任 Ren,姚 Yao,卢 Lu,姜 Jiang,崔 Cui,钟 Zhong,谭 Tan,"
    "陆 Lu,汪 Wang,范 Fan,金 Jin,石 Shi,廖 Liao,贾 Jia,夏 Xia,韦 Wei,傅 Fu,方 Fang,邹 Zou,熊 Xiong,欧阳 Ouyang,"
    "上官 Shangguan"
)
CHINESE_MALE: Final = _pairs(
    "伟 wei,强 qiang,磊 lei,军 jun,勇 yong,杰 jie,涛 tao,超 chao,明 ming,刚 gang,平 ping,辉 hui,鹏 peng,华 hua,"
    "飞 fei,波 bo,斌 bin,宇 yu,浩 hao,凯 kai,健 jian,俊 jun,帆 fan,志 zhi,建 jian,国 guo,文 wen,海 hai,"
    "子 zi,天 tian,晨 chen,睿 rui,博 bo,航 hang,宁 ning,峰 feng,林 lin,东 dong,春 chun,家 jia"
)
CHINESE_FEMALE: Final = _pairs(
    "芳 fang,娜 na,敏 min,静 jing,丽 li,艳 yan,娟 juan,霞 xia,秀 xiu,英 ying,玲 ling,桂 gui,兰 lan,红 hong,"
    "梅 mei,燕 yan,雪 xue,琳 lin,婷 ting,慧 hui,莹 ying,萍 ping,洁 jie,倩 qian,颖 ying,佳 jia,思 si,雨 yu,"
    "欣 xin,怡 yi,梦 meng,诗 shi,晓 xiao,玉 yu,云 yun,月 yue,春 chun,岚 lan,文 wen,珍 zhen"
)
ENGLISH_SURNAMES: Final = _words(
    "Smith Jones Taylor Brown Williams Wilson Johnson Davies Robinson Wright Thompson Evans Walker White "
    "Roberts Green Hall Wood Jackson Clarke Harris Clark Turner Hill Cooper Ward Moore Morris King Watson "
    "Baker Harrison Morgan Patel Young Allen Mitchell James Anderson Phillips Lee Bell Parker Davis "
    "Bennett Miller Cook Shaw Richards O'Connor"
)
ENGLISH_MALE: Final = _words(
    "James John Robert Michael David William Richard Thomas Charles Daniel Matthew Anthony Mark Paul "
    "Steven Andrew George Kenneth Edward Brian Peter Simon Stephen Oliver Harry Jack Samuel Benjamin "
    "Henry Arthur Frank Alan Philip Leo"
)
ENGLISH_FEMALE: Final = _words(
    "Mary Patricia Jennifer Linda Elizabeth Barbara Susan Jessica Sarah Karen Margaret Emily Emma Olivia "
    "Helen Anna Ruth Rachel Laura Alice Julia Grace Victoria Rose Hannah Charlotte Catherine Jane Diana "
    "Frances Clare Lucy Sophie"
)
ROADS: Final = tuple(
    (f"示例{zh}路", f"Example {en} Road")
    for zh, en in _pairs("东 East,南 South,西 West,北 North,中 Central,春 Spring,湖 Lake,山 Hill,江 River,松 Pine")
)
DISTRICTS: Final = _pairs("示范区 Shifan,样本区 Yangben,测试区 Ceshi")
