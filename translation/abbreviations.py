"""Full stops that do not end a sentence, language by language."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Habits:
    """What tells whether a full stop ends a sentence; all in lower case, abbreviations without spaces.

    Attributes:
        inner: Abbreviations that never end one.
        last: Those that may.
        numbered: Those that do not where a number follows.
        beginnings: Words that a sentence begins with, and that follow no title, initial or ordinal.
        compounds: What compound words of that kind end in.
        has_ordinals: Whether "3." means the third.
    """

    inner: frozenset[str] = frozenset()
    last: frozenset[str] = frozenset()
    numbered: frozenset[str] = frozenset()
    beginnings: frozenset[str] = frozenset()
    compounds: tuple[str, ...] = ()
    has_ordinals: bool = False


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


HABITS = {
    "en": Habits(
        inner=_words(
            "p.s mr mrs ms messrs dr prof rev hon gen col capt lt sgt st mt gov sen rep vs cf e.g eg "
            "i.e viz approx"
        ),
        last=_words(
            "etc al inc ltd co corp jr sr bros a.m p.m u.s u.s.a u.k u.n e.u b.c a.d ph.d m.d d.c "
            "ave blvd dept"
        ),
        numbered=_words(
            "no nos pp fig figs vol vols ch sec eq art ext tel jan feb mar apr jun jul aug sep "
            "sept oct nov dec"
        ),
        beginnings=_words(
            "the a an this that these those it he she they we you i his her their our my your its "
            "there here but and so then if when while what who why how where in on at as for "
            "after before however yes no not now all both some most many "
            "please thank thanks do does did is are was were can could"
        ),
    ),
    "de": Habits(
        inner=_words(
            "p.s z.b d.h d.i u.u i.d.r v.a o.g s.o s.u sog bzw ca vgl evtl ggf inkl exkl einschl zzgl "
            "geb gest ehem dr prof dipl ing mag hr fr frl st bspw insb max mind"
        ),
        last=_words(
            "usw usf etc u.a u.ä o.ä chr jh jhd jhdt mio mrd tsd jan feb apr aug sept okt nov dez str jr sen"
        ),
        numbered=_words("nr nrn abb abs art bd kap tel tab str"),
        beginnings=_words(
            "der die das den dem des ein eine einen einem einer ich du er sie es wir ihr man mein "
            "meine dein sein seine unser dieser diese dieses und aber oder doch dann da dort hier "
            "jetzt nun so wenn weil als ob wie was wer wo wann warum in im an am auf aus bei mit "
            "nach nicht kein keine seit vor von zu zum zur für auch ja nein heute morgen gestern "
            "danach"
        ),
        compounds=("str", "nr", "pl"),
        has_ordinals=True,
    ),
    "fr": Habits(
        inner=_words("p.s mm mme mlle mgr dr pr me st ste cf av p.ex ex env c.-à-d boul"),
        last=_words("etc j.-c s.a janv févr avr juil sept oct nov déc"),
        numbered=_words("no pp art chap fig vol tél"),
        beginnings=_words(
            "le la les l un une des ce cet cette ces c il elle ils elles on je j nous vous tu mon "
            "ma mes son sa ses notre votre leur leurs et mais ou donc si quand que qui quoi où "
            "comment pourquoi dans en à au aux sur pour par avec sans puis alors ensuite après "
            "avant oui non"
        ),
    ),
    "cs": Habits(
        inner=_words(
            "p.s např tj t.j mj tzv tzn resp popř příp cca dr mgr ing bc mudr judr phdr rndr prof doc "
            "sv gen plk kpt srov zvl ul nám tis mil mld"
        ),
        last=_words("atd apod atp aj n.l př.n.l s.r.o a.s hod"),
        numbered=_words("č str obr čl odst kap tab tel"),
        beginnings=_words(
            "ten ta to ti ty on ona ono oni já my vy je jsou byl byla bylo byli má v ve na z ze "
            "do s k u o po při pro za od a ale i nebo pak potom tak když kdyby pokud protože kde "
            "kdy co kdo proč jak můj moje jeho její náš váš jejich tento tato toto dnes včera "
            "zítra ano ne není"
        ),
    ),
}

ALL = frozenset[str]().union(*(each.inner | each.last | each.numbered for each in HABITS.values()))
"""Abbreviations of all languages."""
