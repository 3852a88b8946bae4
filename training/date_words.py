"""Makes imgsearch/language/date_words.txt: months, seasons and feasts in languages of Europe.

    pip install babel
    python -m training.date_words

A line is a word, lower-case, a tab, and what it stands for in English. The names of months are
those of the CLDR (Unicode License v3), as Babel 2.19 (BSD) has them, in the form for dates and in
the form for headings; the forms after a preposition, seasons, feasts and words such as "last" are
written here, since the CLDR lacks them. A word without its accents is added, unless it is English.
English words are left out, unless they name a month; so are words with two meanings.
"""

# ruff: noqa: T201

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from babel import Locale

from imgsearch.language.words import is_english
from imgsearch.text import plain_text

LANGUAGES = "de fr it es pt nl pl ro ru uk tr cs hu el sv da nb fi"
MONTHS = (
    *("january", "february", "march", "april", "may", "june", "july"),
    *("august", "september", "october", "november", "december"),
)
# After "in", from January on.
FORMS = """
styczniu lutym marcu kwietniu maju czerwcu lipcu sierpniu wrześniu październiku listopadzie grudniu
lednu únoru březnu dubnu květnu červnu červenci srpnu září říjnu listopadu prosinci
январе феврале марте апреле мае июне июле августе сентябре октябре ноябре декабре
січні лютому березні квітні травні червні липні серпні вересні жовтні листопаді грудні
tammikuussa helmikuussa maaliskuussa huhtikuussa toukokuussa kesäkuussa heinäkuussa elokuussa
syyskuussa lokakuussa marraskuussa joulukuussa
januárban februárban márciusban áprilisban májusban júniusban júliusban augusztusban szeptemberben
októberben novemberben decemberben
ocakta şubatta martta nisanda mayısta haziranda temmuzda ağustosta eylülde ekimde kasımda aralıkta
"""
WORDS = {
    "spring": "frühling frühjahr printemps primavera lente voorjaar wiosna wiosną primăvara весна "
    "весной весною навесні ilkbahar ilkbaharda jaro jaře tavasz tavasszal άνοιξη vår våren forår "
    "foråret kevät keväällä",
    "summer": "sommer sommers été verano verão zomer lato latem vara лето летом літо влітку yaz "
    "yazın léto létě nyár nyáron nyarán καλοκαίρι sommar sommaren sommeren kesä kesällä l'estate "
    "d'estate nell'estate dell'estate",
    "autumn": "herbst automne autunno otoño outono herfst najaar jesień jesienią toamna осень "
    "осенью осінь восени sonbahar sonbaharda podzim podzimu ősz ősszel őszén φθινόπωρο höst hösten "
    "efterår efteråret høst høsten syksy syksyllä",
    "winter": "winters hiver inverno invierno zima zimą iarna зима зимой взимку kış kışın zimě tél "
    "télen χειμώνας χειμώνα vinter vinteren vintern talvi talvella",
    "christmas": "weihnachten noël natale navidad navidades natal kerst kerstmis narodzenie "
    "narodzenia crăciun crăciunul рождество різдво vánoce vánocích karácsony karácsonykor "
    "χριστούγεννα julen joulu jouluna",
    "easter": "ostern pâques pasqua páscoa pasen wielkanoc paște paști пасха великдень velikonoce "
    "húsvét húsvétkor πάσχα påsk påsken påske påsken pääsiäinen pääsiäisenä",
    "last": "letzten letzter letztes letzte vorigen voriger voriges vorige vergangenen vergangener "
    "vergangenes dernier dernière passé passée scorso scorsa pasado pasada passado passada último "
    "última ultimul afgelopen zeszłego zeszłym ostatnie trecut trecută прошлым прошлой прошлого "
    "прошлом минулого минулої geçen minulé minulý loňské múlt tavalyi περασμένο förra forrige "
    "viime",
    "year": "jahr jahres année anno año ano jaar roku rok anul году года yıl yılı év år "
    "året vuonna",
    "since": "seit depuis desde sinds dal depuis sedan siden",
    "before": "vor avant antes voor przed före før prima",
    "after": "nach après después depois",
    # Between the words of a date, or before it.
    "of": "im am an zu der den dem das die des en au aux du de des le la les à a in nel nella di "
    "del della dello il lo al el em no na do da dos das ao e van het te met w we v ve o od z boże "
    "bożego в во на у в року г р le den det i på om för til og din la",
}
# Rare in English, and frequent in dates.
KEPT = {"primavera", "sinds", "antes"}
OUT = Path("imgsearch/language/date_words.txt")


def main() -> None:
    meanings: dict[str, set[str]] = defaultdict(set)
    for language in LANGUAGES.split():
        names = Locale.parse(language).months
        for context in ("format", "stand-alone"):
            for number, name in names[context]["wide"].items():
                meanings[name.lower()].add(MONTHS[number - 1])
    for number, form in enumerate(FORMS.split()):
        meanings[form].add(MONTHS[number % 12])
    for meaning, words in WORDS.items():
        for word in words.split():
            meanings[word].add(meaning)
    for word, found in list(meanings.items()):
        plain = plain_text(word)
        is_short = len(plain) < 3
        if plain not in (*meanings, *MONTHS) and not (is_short or is_english(plain)):
            meanings[plain] |= found
    kept, left_out = {}, []
    for word, found in meanings.items():
        counts_alone = not found <= {*MONTHS, "of"} and word not in KEPT
        if len(found) > 1 or word in MONTHS or (is_english(word) and counts_alone):
            left_out.append(f"{word} ({', '.join(sorted(found))})")
        else:
            (kept[word],) = found
    OUT.write_text(
        "# Words for dates in other languages, and what they stand for in English; see "
        "training/date_words.py.\n"
        + "".join(f"{word}\t{meaning}\n" for word, meaning in sorted(kept.items()))
    )
    print(len(kept), "words; left out:", "; ".join(sorted(left_out)))


if __name__ == "__main__":
    main()
