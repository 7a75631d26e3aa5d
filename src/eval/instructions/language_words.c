/*
 * language_words.c: what language.c knows of languages: their most frequent words, all small, and
 * letters that they alone of their script's write here. Written for this program.
 */
#include "eval/instructions/language.h"

#include <stddef.h>

/* clang-format off */
const struct language languages[] = {
    {"en", "English", SCRIPT_LATIN,
     " a the of and to in is that it for was on are with as be this have from or had by not but "
     "what all were we when your can there use an each which she do how their if will up about "
     "out many then them these so some her would make like him into has more my you they he "
     "his at i our who just than been its also very here where because should could any may "
     "now only other time after first two way even new want give day most us over think back "
     "well work between both under while before those such through same three per every one am "
     "did does got get go going see let's it's don't i'm you're that's can't isn't doesn't "
     "however answer question sure yes please help people therefore thus since much why again "
     "always never another being cannot during few good great himself know less long made must "
     "own put right said say still take though too until used using whether within without "
     "world yet yours thank hello sorry today life part year years ",
     NULL, " ing tion ed ly ness ment ous able er's ight ould "},
    {"es", "Spanish", SCRIPT_LATIN,
     " de la que el en y a los se del las un por con no una su para es al lo como más pero sus "
     "le ya o este sí porque esta entre cuando muy sin sobre también me hasta hay donde quien "
     "desde todo nos durante todos uno les ni contra otros ese eso ante ellos e esto mí antes "
     "algunos qué unos yo otro otras otra él tanto esa estos mucho cada son está ser tiene fue "
     "puede usted después ahora aquí así bien vez solo dos parte tiempo vida día años mejor "
     "gran según puedes tu tus mi mis nuestra nuestro hace hacer favor gracias hola buenos ",
     "ñ¿¡", " ción dad mente ando iendo aron ciones "},
    {"pt", "Portuguese", SCRIPT_LATIN,
     " de a o que e do da em um para é com não uma os no se na por mais as dos como mas foi ao "
     "ele das tem à seu sua ou ser quando muito há nos já está eu também só pelo pela até isso "
     "ela entre era depois sem mesmo aos ter seus quem nas me esse eles estão você tinha foram "
     "essa num nem suas meu às minha têm numa são pode fazer antes agora aqui assim bem vez "
     "dois duas parte tempo vida dia anos melhor grande segundo podes tu teus meus nosso nossa "
     "faz favor obrigado obrigada olá bom boa onde porque todo toda todos cada outro outra "
     "ainda sobre então ",
     "ãõ", " ção mente dade ando endo ões aram "},
    {"fr", "French", SCRIPT_LATIN,
     " de la le et les des en un du une que est pour qui dans a par plus pas au sur ne se ce il "
     "sont avec ou son lui nous comme mais on leur y dont sans être elle tout aux cette ses je "
     "vous ces fait même ont deux bien peut très si donc où c'est d'un d'une qu'il n'est j'ai "
     "l'on votre notre mes ma mon leurs aussi ils elles était avant après maintenant ici ainsi "
     "fois partie temps vie jour ans jours mieux grand selon toujours jamais faut faire merci "
     "bonjour étaient avoir cela ceci ça chez vers pendant sous encore alors tous toutes autre "
     "autres chaque quand comment pourquoi suis es sommes êtes s'il d'abord ",
     "œ", " ement euse aient ité eux eaux ique "},
    {"de", "German", SCRIPT_LATIN,
     " der die und in den von zu das mit sich des auf für ist im dem nicht ein eine als auch es "
     "an werden aus er hat dass sie nach wird bei einer um am sind noch wie einem über einen "
     "so zum war haben nur oder aber vor zur bis mehr durch man sein wurde sei ich wir ihr "
     "wenn kann mein dieser diese dieses keine sehr hier gibt uns ihre jetzt immer nie zwei "
     "drei teil zeit leben tag jahre jahr besser groß laut bitte danke hallo warum wo wer was "
     "will muss müssen soll sollte können könnte würde seine seinen ihren ihrem ihrer unser "
     "euch euer damit dann weil ob also bereits alle alles andere anderen jeder jede ",
     "ß", " ung lich keit heit isch ungen liche "},
    {"it", "Italian", SCRIPT_LATIN,
     " di e il la che è per un in una non del si da le con i dei alla della come al sono più "
     "nel ma gli lo ha anche o se delle ed nella questo questa ci mi io essere dal ai sua suo "
     "molto tutti dalla degli alle tra cui era loro perché quando quello nei stato hanno può "
     "fare anno anni sul ogni solo sempre prima dopo adesso qui così bene volta due parte "
     "tempo vita giorno meglio grande secondo grazie ciao buono buona dove chi quale quali "
     "ancora allora tutta tutte altro altri altra mio mia miei nostro nostra vostro fatto fa "
     "possiamo puoi devi deve sotto sopra senza verso ",
     "òì", " zione mente ità ando ezza zioni "},
    {"nl", "Dutch", SCRIPT_LATIN,
     " de het een van en in is dat op te zijn voor met die niet aan er om ook als dan maar bij "
     "nog uit door naar heeft hij ze wordt tot je wij ik kan deze over worden hebben meer was "
     "zich geen dit had al wat moet zo zou veel hun onze daar wel haar jij u waar eerst nu "
     "nooit altijd twee drie tijd leven dag jaar jaren beter groot volgens graag dank hallo "
     "waarom wie mijn jouw jullie alle alles andere elke iedere omdat want dus tegen tussen "
     "onder zonder tijdens ",
     NULL, " lijk heid ijk eren lijke "},
    {"sv", "Swedish", SCRIPT_LATIN,
     " och att det i en jag som är på för av med den till inte om ett han men var sig så från "
     "vi har kan när du hade hon eller vid nu ska mycket också detta alla där bara under efter "
     "mot många mer sin sina här över deras skulle aldrig alltid två tre tid dag år bättre "
     "stor enligt tack hej varför vem vad min mitt din ditt vår andra varje eftersom sedan "
     "mellan utan igen kommer göra gjorde blir blev ",
     NULL, " ande ning het arna "},
    {"da", "Danish", SCRIPT_LATIN,
     " og i at det er en til af på den som med for ikke der et jeg har de var han vi kan fra "
     "sig så men om du blev hun ved nu skal meget også efter vil hvor eller mange hvad mig sin "
     "når alle været noget aldrig altid to tre tid dag år bedre stor tak hej hvorfor hvem min "
     "mit din dit vores andre hver fordi siden mellem uden igen kommer gøre gjorde bliver ",
     NULL, " ning hed erne else "},
    {"no", "Norwegian", SCRIPT_LATIN,
     " og i det er på som en til å av for at med han den har ikke et de var jeg vi fra seg så "
     "men om kan du ble hun ved nå skal også etter vil hvor eller mange hva meg sin når alle "
     "vært noe dette være opp aldri alltid to tre tid dag år bedre stor takk hei hvorfor hvem "
     "min mitt din ditt vår andre hver fordi siden mellom uten igjen kommer gjøre gjorde blir ",
     NULL, " ning het ene else "},
    {"pl", "Polish", SCRIPT_LATIN,
     " i w na z się nie do to że jest o jak a po od za przez dla czy co tym są tak tylko ale "
     "który która które może już być był była ich jego jej było przy oraz bardzo gdy ten tego "
     "ta te tej ze lub ma mnie ja my on ona kiedy więc także teraz tutaj zawsze nigdy dwa dwie "
     "czas życie dzień lat lepiej duży proszę dziękuję cześć dlaczego kto gdzie mój moja moje "
     "twój nasz nasza inne każdy każda ponieważ między bez pod nad przed znowu będzie były "
     "mamy ",
     "ąęłżźćśń", " ość nych ych ego owa "},
    {"cs", "Czech", SCRIPT_LATIN,
     " a se v na je že to s z do o i ve pro si jako za po jsou by od jeho které který která k "
     "ale tak není být bylo byl byla jsem více také nebo když může má už jen mezi až aby podle "
     "velmi co při teď tady vždy nikdy dva dvě čas život den let lépe velký prosím děkuji ahoj "
     "proč kdo kde můj moje náš naše jiné každý protože bez pod nad před zase bude byli jsme "
     "jste ",
     "ěřů", " ost ého ých ení ání "},
    {"ro", "Romanian", SCRIPT_LATIN,
     " de și în a la cu o pe este că din un se nu care mai pentru ce au fost sau al ale fi am "
     "sunt lui ca dar el ea să le prin după acest această foarte când cum fără poate era între "
     "toate ne își acum aici mereu două timp viața zi ani bine mare vă rog mulțumesc bună unde "
     "cine meu mea noastră alte fiecare deoarece sub peste înainte iarăși va vor are ai ați ",
     "șțăşţ", " ție ului ilor ează "},
    {"ca", "Catalan", SCRIPT_LATIN,
     " de la i el que a en les els l'any per un amb una del és al no es va dels com més són ha "
     "o seu seva també aquest aquesta fins però entre molt quan tot ser on aquests hi d'un "
     "d'una pel dos sense tots ara aquí sempre mai dues temps vida dia anys millor gran si us "
     "plau gràcies hola perquè qui meu meva nostre nostra altres cada abans després sota sobre "
     "encara tenen fer fet ",
     "ŀ", " ció itat ments cions "},
    {"fi", "Finnish", SCRIPT_LATIN,
     " ja on ei se että oli hän ovat en mutta kun tai niin myös kuin joka sen mitä ole olla voi "
     "sitä nyt jos hyvin vain siitä vielä sekä jotka ollut kanssa minä sinä me te he tämä "
     "tämän joita kaikki mukaan jo noin olen olemme sillä koska paljon tässä siellä aina kaksi "
     "aika elämä päivä vuotta parempi suuri kiitos hei miksi kuka missä minun sinun meidän "
     "muut jokainen ennen jälkeen ilman taas tulee olivat tehdä joten ",
     NULL, " ssa ssä lla llä sta stä inen ista nen "},
    {"hu", "Hungarian", SCRIPT_LATIN,
     " a az és hogy nem is egy ez meg de el csak már van volt vagy mint ha azt még le fel én te "
     "ő mi ti ezt be kell lehet nagyon akkor minden itt ott amely mert után között aki ami sok "
     "lesz ki olyan úgy most mindig soha két kettő idő élet nap év jobb nagy kérem köszönöm "
     "szia miért hol mások előtt nélkül ismét voltak vannak ezért tehát amikor hogyan egyik "
     "másik pedig szerint ezek azok ",
     "őű", " ban ben nak nek ság ség "},
    {"tr", "Turkish", SCRIPT_LATIN,
     " ve bir bu da de için ile çok o olarak daha ne ama gibi kadar en olan var değil sonra ben "
     "sen biz siz her mi mı ya ki onun olduğu bunu şey zaman veya göre yok iyi nasıl hem tüm "
     "bana sana benim ise şimdi burada asla iki üç hayat gün yıl büyük lütfen teşekkürler "
     "merhaba neden kim nerede senin bizim diğer çünkü önce arasında yine olacak oldu bütün "
     "böyle şöyle bazı ",
     "ğı", " lar ler ları leri yor mak mek "},
    {"vi", "Vietnamese", SCRIPT_LATIN,
     " và của là có trong cho được một các với không những người đã này từ khi đến để về như ra "
     "cũng tôi vào nhiều năm ở đó thì rất sẽ bạn trên hay hơn làm họ phải nên hoặc bị nhưng "
     "lại theo mà anh chúng ta ",
     "ơưạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹ", NULL},
    {"sw", "Swahili", SCRIPT_LATIN,
     " na ya wa kwa ni katika za la kuwa cha hii hiyo yake au kama watu sana lakini pia huu "
     "hayo yao si wake mtu ambao ambayo baada kila nchi moja siku wakati yangu wangu kuna hiki "
     "hili wote vya zaidi mimi wewe sisi yako hapa kwamba bila hata tu ili ndiyo hivyo nini "
     "kwenye sasa daima kamwe mbili wawili muda maisha miaka bora kubwa tafadhali asante "
     "habari nani wapi wetu wengine kabla tena itakuwa alikuwa walikuwa ingawa kuhusu pamoja "
     "karibu ",
     NULL, " isha ika ana "},
    {"id", "Indonesian", SCRIPT_LATIN,
     " yang dan di ini itu dengan untuk dari dalam tidak pada akan ke adalah oleh juga saya ada "
     "atau mereka lebih telah bisa kami kita karena sebagai dapat anda sudah orang seperti "
     "tersebut saat hanya satu menjadi banyak tahun harus namun para dia kepada secara sangat "
     "sekarang sini selalu dua waktu hidup hari baik besar silakan terima kasih halo mengapa "
     "siapa mana lain setiap sebelum setelah tanpa lagi jadi maka jika bila agar supaya "
     "tentang ",
     NULL, " kan nya annya "},
    {"tl", "Tagalog", SCRIPT_LATIN,
     " ang ng sa na mga ay at ko ka siya ako niya para hindi si kung mo kanyang ito may isang "
     "nang din rin lang po namin natin kami tayo sila kanilang dahil iyon pero o wala upang "
     "bilang ngayon dito lagi dalawa oras buhay araw taon mas mabuti malaki salamat bakit sino "
     "saan aking ating iba bawat bago pagkatapos muli kaya naman ",
     NULL, " ang han "},
    {"ru", "Russian", SCRIPT_CYRILLIC,
     " и в не на я что он с как это по но она к из у за от так же для вы бы его мы о все был то "
     "если или есть их только уже когда может ещё до быть очень было при этот сейчас здесь "
     "всегда никогда два две время жизнь день лет лучше большой пожалуйста спасибо привет "
     "почему кто где мой моя наш другие каждый потому между без под над перед снова будет были "
     "вот чтобы себя ",
     "ыэё", NULL},
    {"uk", "Ukrainian", SCRIPT_CYRILLIC,
     " і в не на що з та як це до у за я він від для про але його є ми так або ви її був вже "
     "бути також їх дуже коли може якщо щоб при цей й було зараз тут завжди ніколи два дві час "
     "життя день років краще великий будь дякую привіт чому хто де мій моя наш інші кожен тому "
     "між без під над перед знову буде були себе ",
     "іїєґ", NULL},
    {"bg", "Bulgarian", SCRIPT_CYRILLIC,
     " и на да се в за не от е са с като по ще че си до това който която ли но аз той тя ние "
     "има към най със при или много може както след беше сега тук винаги никога два две време "
     "живот ден години добре голям моля благодаря здравей защо кой къде мой моя наш други "
     "всеки защото между без под над пред отново бъде бяха затова им го ",
     NULL, NULL},
    {"el", "Greek", SCRIPT_GREEK, NULL, NULL, NULL},
    {"he", "Hebrew", SCRIPT_HEBREW, NULL, NULL, NULL},
    {"ar", "Arabic", SCRIPT_ARABIC,
     " في من على إلى أن هذا هذه التي الذي لا ما هو هي كان كانت عن مع أو كل بعد قبل ذلك تلك بين "
     "لم قد ثم أنا نحن لكن حيث يمكن وهو غير أي الآن هنا دائما أبدا لأن بدون تحت فوق أمام سوف "
     "يكون هم هن أنت أنتم لي له لها كما أيضا ",
     "ةىكيإ", NULL},
    {"fa", "Persian", SCRIPT_ARABIC,
     " در به از که این را با است برای آن یک خود تا کرد بر هم نیز شد می ما شما من او آنها بود "
     "باید هر اما یا اگر همه دیگر شده های وی خواهد اکنون اینجا همیشه هرگز دو زیرا بین بدون زیر "
     "پیش دوباره نمی ای کند کنید کرده بودند هستند آیا چه چرا ",
     "پچژگ", NULL},
    {"ur", "Urdu", SCRIPT_ARABIC,
     " کے میں کی ہے اور سے کا کو اس نے پر یہ کہ ہیں ایک بھی تھا کر جو ہو نہیں وہ تو ان اپنے ہم "
     "آپ لیے کیا تھے گیا ہوتا اب یہاں ہمیشہ کبھی دو کیونکہ درمیان بغیر نیچے پہلے پھر گا گی گے "
     "میرا میری ہمارا ساتھ رہا رہی ",
     "ٹڈڑںےھہ", NULL},
    {"hi", "Hindi", SCRIPT_DEVANAGARI,
     " के में है की से का और को हैं पर यह ने एक भी हो कि कर इस था लिए जो नहीं तो या वह मैं हम "
     "आप अपने थे साथ होता किया गया कुछ बहुत अब यहाँ हमेशा कभी दो क्योंकि बीच बिना नीचे पहले "
     "फिर होगा होगी मेरा मेरी हमारा रहा रही जब तक सकते सकता ",
     NULL, NULL},
    {"mr", "Marathi", SCRIPT_DEVANAGARI,
     " आहे आणि या ते हे की तो ती आहेत नाही मध्ये च्या ही एक मी आम्ही तुम्ही होते होता होती त्या "
     "साठी पण किंवा आपण खूप असे जे केले सर्व त्यांच्या असते करणे व तर म्हणून आपल्या आता इथे "
     "नेहमी कधी दोन कारण नाहीत खाली आधी पुन्हा होईल माझा माझी आमचा जेव्हा शकतो शकता हा मला "
     "तुला ",
     "ळ", NULL},
    {"ne", "Nepali", SCRIPT_DEVANAGARI,
     " छ र को मा हो पनि यो भने छन् लागि गर्न भएको एक लाई गर्ने थियो त्यो म हामी तपाईं छैन धेरै "
     "नेपाल हुन्छ तर अनि वा बाट हुने गरेको गर्नुहोस् हाम्रो मेरो सबै अब यहाँ सधैं कहिल्यै दुई "
     "किनभने बिना तल पहिले फेरि हुनेछ मेरी उनी उनको जब सक्छ सक्नुहुन्छ एउटा गर्दै गर्छ थिए "
     "थिइन् त्यसैले ",
     NULL, NULL},
    {"bn", "Bengali", SCRIPT_BENGALI, NULL, NULL, NULL},
    {"pa", "Punjabi", SCRIPT_GURMUKHI, NULL, NULL, NULL},
    {"gu", "Gujarati", SCRIPT_GUJARATI, NULL, NULL, NULL},
    {"ta", "Tamil", SCRIPT_TAMIL, NULL, NULL, NULL},
    {"te", "Telugu", SCRIPT_TELUGU, NULL, NULL, NULL},
    {"kn", "Kannada", SCRIPT_KANNADA, NULL, NULL, NULL},
    {"ml", "Malayalam", SCRIPT_MALAYALAM, NULL, NULL, NULL},
    {"th", "Thai", SCRIPT_THAI, NULL, NULL, NULL},
    {"ko", "Korean", SCRIPT_HANGUL, NULL, NULL, NULL},
    {"ja", "Japanese", SCRIPT_KANA, NULL, NULL, NULL},
    {"zh", "Chinese", SCRIPT_HAN, NULL, NULL, NULL},
    {NULL, NULL, SCRIPT_NONE, NULL, NULL, NULL},
};
/* clang-format on */
