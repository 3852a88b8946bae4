"""Makes imgsearch/language/date_words.txt: words for dates and times in languages of Europe.

    pip install babel
    python -m training.date_words

A line is a word, lower-case, a tab, and what it stands for in English: months, days of the week,
parts of the day, seasons, feasts. The names of months and days are those of the CLDR (Unicode
License v3), as Babel 2.19 (BSD) has them, in the form for dates and in the form for headings; the
forms after a preposition, parts of the day, seasons, feasts and words such as "last" are written
here, since the CLDR lacks them. A word that is a time without any lead, such as "abends", stands
for "at evening", and a compound for two words. A word without its accents is added, unless it is
English. English words are left out, unless they name a month, a day of the week or a part of the
day; so are words with two meanings.
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
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
# Other forms of the days of the week: plurals, and those after a preposition. Bare "pazar" is a
# market, and the Portuguese "segunda" and so on are numbers.
DAY_FORMS = {
    "monday": "lundis lunedi poniedziałki lunea понедельникам понеділкам pondělky Δευτέρες "
    "måndagen måndagar mandagen mandager mandage montagen maandagen",
    "tuesday": "mardis martedi wtorki marțea вторникам вівторкам úterky Τρίτες tisdagen tisdagar "
    "tirsdagen tirsdager tirsdage dienstagen dinsdagen",
    "wednesday": "mercredis mercoledi środę środy miercurea среду средам середу середам středu "
    "středy Τετάρτες onsdagen onsdagar onsdager onsdage mittwochen woensdagen",
    "thursday": "jeudis giovedi czwartki joia четвергам четвергах четвергам čtvrtky Πέμπτες "
    "torsdagen torsdagar torsdager torsdage donnerstagen donderdagen",
    "friday": "vendredis venerdi piątki vinerea пятницу пятницам п'ятниця п'ятницю п'ятницям pátky "
    "Παρασκευές fredagen fredagar fredager fredage freitagen vrijdagen",
    "saturday": "samedis sabati sábados sobotę soboty sâmbăta субботу субботам суботу суботам "
    "sobotu Σάββατα lördagen lördagar lørdagen lørdager lørdage samstagen sonnabend sonnabenden "
    "zaterdagen",
    "sunday": "dimanches domeniche domingos niedzielę niedziele duminica воскресенья воскресеньям "
    "неділю неділям neděli Κυριακές söndagen söndagar søndagen søndager søndage sonntagen zondagen",
}
# Times without any lead, by the day: "sonntags", "sunnuntaina", "szombaton".
DAY_ADVERBS = {
    "monday": "montags maandags hétfőn hétfőnként maanantaina maanantaisin pazartesileri mandags",
    "tuesday": "dienstags kedden keddenként tiistaina tiistaisin salıları",
    "wednesday": "mittwochs szerdán szerdánként keskiviikkona keskiviikkoisin çarşambaları",
    "thursday": "donnerstags csütörtökön csütörtökönként torstaina torstaisin perşembeleri",
    "friday": "freitags pénteken péntekenként perjantaina perjantaisin cumaları",
    "saturday": "samstags sonnabends szombaton szombatonként lauantaina lauantaisin cumartesileri",
    "sunday": "sonntags vasárnaponként sunnuntaina sunnuntaisin pazarları",
}
TIMES = {
    "morning": "morgen vormittag matin matinée mattina mattino mattinata mañana manhã madrugada "
    "ochtend voormiddag rano ranek poranek dimineața dimineață утро sabahı ráno dopoledne reggel "
    "délelőtt πρωί morgonen morgon förmiddagen morgenen formiddagen formiddag aamu aamupäivä ранку "
    "ранок matinul poranki",
    "noon": "mittag midi mezzogiorno mediodía meio-dia poledne amiază полдень południe μεσημέρι "
    "keskipäivä",
    "afternoon": "nachmittag après-midi pomeriggio tarde tardes namiddag popołudnie după-amiaza "
    "odpoledne délután απόγευμα eftermiddagen eftermiddag ettermiddagen ettermiddag iltapäivä",
    "evening": "abend soir soirée sera serata avond wieczór seara seară вечер вечір akşamı večer "
    "βράδυ kvällen kväll kvelden kveld aftenen aften ilta serile",
    "night": "nacht nuit notte noche noches noite noites nocy noc noaptea noapte ночь ніч gecesi "
    "noci éjszaka νύχτα natten natt nat yö",
    "at morning": "morgens vormittags frühmorgens ochtends утром утрам вранці ранкам sabahları "
    "sabahleyin aamulla aamupäivällä aamuisin reggelente voormiddags",
    "at noon": "mittags днём keskipäivällä",
    "at afternoon": "nachmittags popołudniu iltapäivällä iltapäivisin délutánonként",
    "at evening": "abends avonds wieczorem вечером вечерам ввечері увечері вечорам akşamları "
    "akşamleyin illalla iltaisin esténként",
    "at night": "nachts ночью ночам вночі ночами geceleri geceleyin éjjel éjszakánként yöllä öisin",
    "every": "jeden jeder jedes chaque ogni cada elke iedere każdą każdy каждый каждую каждое "
    "кожної кожного každou každý každé κάθε varje hver hvert joka minden fiecare",
    "weekend": "wochenende wochenenden week-end weekends weekendy víkend víkendu helgen helg "
    "viikonloppu viikonloppuna выходные выходным вихідні hétvége hétvégén σαββατοκύριακο weekenden",
    "week": "woche semaine settimana semana week tygodniu tydzień săptămâna неделе неделю тижня "
    "тиждень hafta týden hét héten εβδομάδα veckan vecka uge uken uke viikolla viikko",
    "yesterday": "gestern ieri ayer ontem gisteren wczoraj вчера вчора dün včera tegnap χθες χτες "
    "igår",
}
# The words that German, Dutch and the languages of the North make one word of.
COMPOUNDS = {
    "de": ("", {"morning": "morgen vormittag", "noon": "mittag", "afternoon": "nachmittag",
                "evening": "abend", "night": "nacht"}),
    "nl": ("", {"morning": "ochtend morgen", "noon": "middag", "afternoon": "namiddag",
                "evening": "avond", "night": "nacht"}),
    "sv": ("s", {"morning": "morgon förmiddag", "afternoon": "eftermiddag", "evening": "kväll",
                 "night": "natt"}),
    "da": ("", {"morning": "morgen formiddag", "afternoon": "eftermiddag", "evening": "aften",
                "night": "nat"}),
    "nb": ("s", {"morning": "morgen formiddag", "afternoon": "ettermiddag", "evening": "kveld",
                 "night": "natt"}),
    "fi": ("", {"morning": "aamu aamuna", "evening": "ilta iltana", "night": "yö yönä"}),
}  # fmt: skip
# More words between the words of a time, or before it.
LEADS = "por pela pelas ao aos los las gli los på vid aan bij ve по σε στις το τη την os às à"
# Rare in English, and frequent in dates; a part of the day or a day counts only with a lead.
KEPT = {"primavera", "sinds", "antes"}
# English words that a lead alone would turn into a time.
NEVER = {"nat", "mane", "marti", "sabah"}
OUT = Path("imgsearch/language/date_words.txt")


def _times() -> dict[str, str]:
    """Return the words for days of the week and parts of the day, with what they stand for."""
    times: dict[str, str] = {}
    for language in LANGUAGES.split():
        wide = Locale.parse(language).days["stand-alone"]["wide"]
        link, parts = COMPOUNDS.get(language, ("", {}))
        for number, day in enumerate(DAYS):
            name = wide[number].lower().replace("ʼ", "'")
            if name != "pazar":
                times[name] = day
            for part, words in parts.items():
                times |= {f"{name}{link}{word}": f"{day} {part}" for word in words.split()}
    for forms, before in ((DAY_FORMS, ""), (DAY_ADVERBS, "on "), (TIMES, "")):
        for meaning, words in forms.items():
            times |= {word.lower(): before + meaning for word in words.split()}
    return {word: meaning for word, meaning in times.items() if word not in NEVER}


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
    for word in LEADS.split():
        meanings[word].add("of")
    times = _times()
    for word, meaning in times.items():
        meanings[word].add(meaning)
    for word, found in list(meanings.items()):
        plain = plain_text(word)
        is_short = len(plain) < 3
        if plain not in (*meanings, *MONTHS) and not (is_short or is_english(plain)):
            meanings[plain] |= found
    kept, left_out = {}, []
    for word, found in meanings.items():
        counts_alone = not found <= {*MONTHS, "of"} and word not in KEPT and word not in times
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
