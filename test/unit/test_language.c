/* Which language a text is in: sentences written for this test, a few for each language. */
#include "base_test.h"

#include "eval/instructions/language.h"

/* clang-format off */
static const struct {
    const char *code, *text;
} sentences[] = {
    {"en", "The train to the coast was late again, so we walked along the river instead."},
    {"en", "Please send me the report before noon."},
    {"en", "Boil the eggs for seven minutes and let them cool under running water."},
    {"en", "WE ARE SORRY BUT THE SHOP IS CLOSED TODAY."},
    {"es", "El tren llegó tarde otra vez y por eso fuimos andando junto al río."},
    {"es", "Por favor, envíame el informe antes del mediodía."},
    {"es", "Mi hermana vive en una casa pequeña cerca de la playa con sus dos perros."},
    {"pt", "O comboio chegou atrasado outra vez, por isso fomos a pé ao longo do rio."},
    {"pt", "Por favor, envie o relatório antes do meio-dia."},
    {"pt", "A minha irmã mora numa casa pequena perto da praia com os seus dois cães."},
    {"fr", "Le train était encore en retard, alors nous avons marché le long de la rivière."},
    {"fr", "Merci de m'envoyer le rapport avant midi."},
    {"fr", "Ma sœur habite une petite maison près de la plage avec ses deux chiens."},
    {"de", "Der Zug war wieder zu spät, also sind wir am Fluss entlang gegangen."},
    {"de", "Bitte schicken Sie mir den Bericht vor Mittag."},
    {"de", "DIE ÜBERSCHRIFT STEHT ÜBER DEM TEXT UND NICHT DARUNTER."},
    {"it", "Il treno era di nuovo in ritardo, così abbiamo camminato lungo il fiume."},
    {"it", "Per favore mandami la relazione prima di mezzogiorno."},
    {"it", "Mia sorella abita in una piccola casa vicino alla spiaggia con i suoi due cani."},
    {"nl", "De trein was weer te laat, dus liepen we langs de rivier."},
    {"nl", "Stuur mij het verslag voor de middag, alstublieft."},
    {"nl", "Mijn zus woont in een klein huis bij het strand met haar twee honden."},
    {"sv", "Tåget var sent igen, så vi gick längs floden i stället."},
    {"sv", "Min syster bor i ett litet hus nära stranden med sina två hundar."},
    {"da", "Toget var forsinket igen, så vi gik langs floden i stedet for."},
    {"da",
     "Min søster bor i et lille hus tæt ved stranden med sine to hunde, og hun er glad for det."},
    {"no", "Toget var forsinket igjen, så vi gikk langs elven i stedet for å vente."},
    {"no", "Hva skal du gjøre etter jobb i dag? Jeg har ikke noe å gjøre."},
    {"pl", "Pociąg znowu się spóźnił, więc poszliśmy wzdłuż rzeki."},
    {"pl", "Moja siostra mieszka w małym domu blisko plaży z dwoma psami."},
    {"cs", "Vlak měl zase zpoždění, a tak jsme šli podél řeky."},
    {"cs", "Moje sestra bydlí v malém domě u pláže se dvěma psy."},
    {"ro", "Trenul a întârziat din nou, așa că am mers pe jos de-a lungul râului."},
    {"ro", "Sora mea locuiește într-o casă mică lângă plajă cu cei doi câini ai ei."},
    {"ca", "El tren ha arribat tard una altra vegada, així que hem caminat al costat del riu."},
    {"ca", "La meva germana viu en una casa petita a prop de la platja amb els seus dos gossos."},
    {"fi", "Juna oli taas myöhässä, joten kävelimme joen vartta pitkin."},
    {"fi", "Siskoni asuu pienessä talossa rannan lähellä kahden koiransa kanssa."},
    {"hu", "A vonat megint késett, ezért a folyó mentén sétáltunk."},
    {"hu", "A nővérem egy kis házban lakik a part közelében a két kutyájával."},
    {"tr", "Tren yine geç kaldı, bu yüzden nehir boyunca yürüdük."},
    {"tr", "Kız kardeşim iki köpeğiyle sahile yakın küçük bir evde oturuyor."},
    {"vi", "Tàu lại đến muộn nên chúng tôi đi bộ dọc theo bờ sông."},
    {"vi", "Chị tôi sống trong một ngôi nhà nhỏ gần bãi biển với hai con chó."},
    {"sw", "Treni ilichelewa tena, kwa hiyo tulitembea kando ya mto."},
    {"sw", "Dada yangu anaishi katika nyumba ndogo karibu na pwani na mbwa wake wawili."},
    {"id", "Kereta itu terlambat lagi, jadi kami berjalan kaki di sepanjang sungai."},
    {"id", "Kakak saya tinggal di rumah kecil dekat pantai dengan dua anjingnya."},
    {"tl", "Nahuli na naman ang tren kaya naglakad na lang kami sa tabi ng ilog."},
    {"tl", "Ang kapatid ko ay nakatira sa isang maliit na bahay malapit sa dagat."},
    {"ru", "Поезд снова опоздал, и мы пошли пешком вдоль реки."},
    {"ru", "Моя сестра живёт в маленьком доме у моря с двумя собаками."},
    {"uk", "Потяг знову запізнився, тому ми пішли пішки вздовж річки."},
    {"uk", "Моя сестра живе в маленькому будинку біля моря з двома собаками."},
    {"bg", "Влакът отново закъсня и затова тръгнахме пеша покрай реката."},
    {"bg", "Сестра ми живее в малка къща близо до плажа с двете си кучета."},
    {"el", "Το τρένο άργησε πάλι και έτσι περπατήσαμε δίπλα στο ποτάμι."},
    {"he", "הרכבת איחרה שוב ולכן הלכנו ברגל לאורך הנהר."},
    {"ar", "تأخر القطار مرة أخرى، لذلك مشينا على طول النهر."},
    {"ar", "أختي تسكن في بيت صغير قريب من الشاطئ مع كلبيها."},
    {"fa", "قطار دوباره دیر کرد و ما کنار رودخانه پیاده رفتیم."},
    {"fa",
     "خواهرم با دو سگش در خانه‌ای کوچک نزدیک ساحل زندگی می‌کند."},
    {"ur", "ٹرین پھر دیر سے آئی، اس لیے ہم دریا کے ساتھ ساتھ پیدل چلے۔"},
    {"ur", "میری بہن اپنے دو کتوں کے ساتھ ساحل کے قریب ایک چھوٹے گھر میں رہتی ہے۔"},
    {"hi", "ट्रेन फिर से देर से आई, इसलिए हम नदी के किनारे पैदल चले।"},
    {"hi", "मेरी बहन समुद्र के पास एक छोटे घर में अपने दो कुत्तों के साथ रहती है।"},
    {"mr", "गाडी पुन्हा उशिरा आली, म्हणून आम्ही नदीच्या काठाने चालत गेलो आणि ते छान होते."},
    {"mr", "माझी बहीण समुद्राजवळ एका लहान घरात राहते आणि तिच्याकडे दोन कुत्रे आहेत."},
    {"ne", "रेल फेरि ढिलो आयो, त्यसैले हामी नदीको छेउमा हिँड्यौं र गीत गायौं।"},
    {"ne", "मेरो बहिनी समुद्र नजिकै एउटा सानो घरमा बस्छिन् र उनको दुई कुकुर छन्।"},
    {"bn", "ট্রেনটি আবার দেরিতে এসেছে, তাই আমরা নদীর পাশ দিয়ে হেঁটেছি।"},
    {"pa", "ਰੇਲ ਗੱਡੀ ਫਿਰ ਦੇਰ ਨਾਲ ਆਈ, ਇਸ ਲਈ ਅਸੀਂ ਨਦੀ ਦੇ ਨਾਲ ਤੁਰੇ।"},
    {"gu", "ટ્રેન ફરી મોડી આવી, તેથી અમે નદીના કિનારે ચાલ્યા."},
    {"ta", "ரயில் மீண்டும் தாமதமாக வந்தது, அதனால் நாங்கள் ஆற்றங்கரையில் நடந்தோம்."},
    {"te", "రైలు మళ్ళీ ఆలస్యంగా వచ్చింది, కాబట్టి మేము నది వెంట నడిచాము."},
    {"kn", "ರೈಲು ಮತ್ತೆ ತಡವಾಗಿ ಬಂತು, ಆದ್ದರಿಂದ ನಾವು ನದಿಯ ದಡದಲ್ಲಿ ನಡೆದೆವು."},
    {"ml", "ട്രെയിൻ വീണ്ടും വൈകി, അതിനാൽ ഞങ്ങൾ പുഴയുടെ തീരത്തുകൂടി നടന്നു."},
    {"th", "รถไฟมาสายอีกแล้ว เราจึงเดินเลียบแม่น้ำไป"},
    {"ko", "기차가 또 늦어서 우리는 강을 따라 걸었다."},
    {"ja", "電車がまた遅れたので、私たちは川沿いを歩きました。"},
    {"zh", "火车又晚点了，所以我们沿着河边走。"},
};
/* clang-format on */

static void tells(void **state)
{
    (void)state;
    unsigned wrong = 0;
    for (size_t i = 0; i < ARRAY_LEN(sentences); i++) {
        struct language_guess g = language_guess(str_from(sentences[i].text));
        const char *code = g.language ? g.language->code : "none";
        if (strcmp(code, sentences[i].code) == 0)
            continue;
        wrong++;
        print_error("%s taken for %s: %s\n", sentences[i].code, code, sentences[i].text);
    }
    assert_int_equal(wrong, 0);
}

static const char *code_of(const char *text)
{
    struct language_guess g = language_guess(str_from(text));
    return g.language ? g.language->code : "none";
}

static void edges(void **state)
{
    (void)state;
    assert_false(language_guess(STR_NONE).letters);
    assert_false(language_guess(STR("12 + 3 = \xff\xfe!")).letters);
    /* Too little to tell by; plain where it may be English. */
    struct language_guess g = language_guess(STR("Fish sausages"));
    assert_true(g.letters && g.plain && !g.language);
    g = language_guess(STR("Xyz\xc3\xa4"));
    assert_true(g.letters && !g.plain && !g.language);
    /* Most letters decide, and case does not. */
    assert_string_equal(code_of("The word is \xd0\xbc\xd0\xbe\xd1\x80\xd0\xb5, and it is short."),
                        "en");
    assert_string_equal(code_of("IT\xe2\x80\x99S NOT FAR FROM HERE."), "en");
    assert_string_equal(code_of("\xe6\xbc\xa2\xe5\xad\x97\xe3\x81\xae"), "ja");
    /* A word longer than any in the lists, and half a character at the end of what is looked at. */
    static char longer[20000];
    memset(longer, 'n', sizeof(longer) - 1);
    assert_string_equal(code_of(longer), "none");
    memcpy(longer, "x", 1);
    for (size_t i = 1; i + 2 < sizeof(longer); i += 2)
        memcpy(longer + i, "\xd0\xb6", 2);
    assert_string_equal(code_of(longer), "none");
}

static void finds(void **state)
{
    (void)state;
    assert_string_equal(language_find(STR("EN"))->name, "English");
    assert_string_equal(language_find(STR("zh-tw"))->name, "Chinese");
    assert_null(language_find(STR("xx")));
    assert_null(language_find(STR_NONE));
}

/* What by_words relies on: a space before and behind each word, and a table that its tally holds.
 */
static void lists_are_well_made(void **state)
{
    (void)state;
    size_t n = 0;
    for (const struct language *l = languages; l->code; l++, n++) {
        const char *const lists[] = {l->words, l->endings};
        for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
            struct str list = str_from(lists[i]);
            if (list.n == 0)
                continue;
            assert_true(str_starts(list, STR(" ")) && str_ends(list, STR(" ")));
            assert_true(str_find(list, STR("  ")) < 0 && str_is_text(list));
        }
    }
    assert_in_range(n, 30, 63);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(tells), cmocka_unit_test(edges),
                                       cmocka_unit_test(finds),
                                       cmocka_unit_test(lists_are_well_made)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
