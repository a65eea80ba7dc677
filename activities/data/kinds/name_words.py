"""Words around names: cues, particles, and words with a capital that are no names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

NAME_CUES: Final[Mapping[str, str]] = {
    "introduced": """
        my name is|my name's|name is|named|i am called|called|this is|speaking is|on behalf of|signed by|ask for|asked for
        in the name of|goes by the name of|the name of|patient is|customer is|it's
        mein name ist|ich heiße|ich heisse|heißt|heisst|heiße|name ist|namens|im namen von|unterschrieben von|gezeichnet
        je m'appelle|s'appelle|m'appelle|mon nom est|nommé|nommée|au nom de|c'est|moi c'est|nom est|nom complet
        me llamo|mi nombre es|se llama|nombre es|llamado|llamada|a nombre de|en nombre de|de parte de|mi nombre completo es
        nombre completo""",
    "titled": """
        mr|mrs|ms|miss|dr|prof|professor|mister|sir|madam|herr|herrn|frau|fr|hr|mme|mlle|monsieur|madame|mademoiselle|m|sr|sra
        srta|señor|señora|señorita|don|doña|doctor|doctora|docteur|maître|dame|doktor|professeur|profesora|profesor|mr. and mrs""",
    "field": """
        full name|first name|last name|surname|family name|given name|customer name|patient name|contact name|guest name
        passenger name|employee name|client name|account holder|card holder|cardholder|applicant name|contact person|attn
        vorname|nachname|familienname|kundenname|ansprechpartner|ansprechpartnerin|kontoinhaber|kontoinhaberin|karteninhaber|vor und nachname
        z hd|zu händen|vollständiger name
        prénom|nom complet|nom de famille|nom du client|nom et prénom|à l'attention de
        apellido|apellidos|nombre completo|nombre y apellidos|a la atención de|nombre del cliente""",
    "named": """
        name|applicant|recipient|customer|client|patient|tenant|attendee|passenger|guest|contact|holder|beneficiary|sender|assignee
        insured|employee|caller|empfänger|kunde|kundin|patientin|mieter|mieterin|inhaber|versicherter|antragsteller|gast
        teilnehmer|absender|mitarbeiter|mitarbeiterin|bewerber|bewerberin
        nom|titulaire|destinataire|bénéficiaire|locataire|patiente|cliente|interlocuteur|assuré|assurée|demandeur|expéditeur|employé
        nombre|titular|destinatario|destinataria|paciente|inquilino|beneficiario|beneficiaria|solicitante|interesado|remitente
        huésped|empleado""",
    "greeted": """
        dear|hi|hello|hey|good morning|good afternoon|good evening|thanks|thank you|ask|tell|cc|to|from|by|with
        liebe|lieber|hallo|guten tag|guten morgen|sehr geehrte|sehr geehrter|moin|servus|grüß gott|danke|an|von
        cher|chère|bonjour|salut|bonsoir|coucou|merci|de
        querido|querida|hola|estimado|estimada|buenos días|buenas tardes|gracias|de""",
    "signed": """
        regards|kind regards|best regards|warm regards|best|sincerely|yours|yours sincerely|yours truly|cheers|love|all the best
        best wishes|many thanks|cordially|signed
        mit freundlichen grüßen|freundliche grüße|viele grüße|liebe grüße|beste grüße|herzliche grüße|grüße|gruß|lg|mfg|vg
        hochachtungsvoll|schöne grüße|bis bald|herzlich|gez
        cordialement|bien cordialement|bien à vous|sincères salutations|amicalement|bises|bisous|salutations|à bientôt
        sentiments distingués|bien amicalement|signé
        saludos|un saludo|saludos cordiales|atentamente|cordialmente|un abrazo|abrazos|besos|un cordial saludo|fdo|firmado
        muchas gracias""",
    "spoken": """
        i'm|i am|it is|here is|met|called by|spoke to|spoke with|talk to|talked to|from|colleague|friend|brother|sister|wife
        husband|son|daughter|mother|father|mum|mom|dad|neighbour|neighbor|boss|aunt|uncle|cousin|partner|my manager
        ich bin|hier ist|hier spricht|kollege|kollegin|freund|freundin|bruder|schwester|mann|sohn|tochter|mutter|vater|nachbar
        nachbarin|chef|chefin|tante|onkel|meine frau|mein mann|es spricht
        je suis|ici|collègue|ami|amie|frère|soeur|sœur|femme|mari|fils|fille|mère|père|voisin|voisine|patron|tante|oncle|à l'appareil
        soy|habla|aquí|compañero|compañera|amigo|amiga|hermano|hermana|mujer|marido|esposa|esposo|hijo|hija|madre|padre|vecino
        vecina|jefe|jefa|tía|tío|primo|prima""",
}
PARTICLES: Final = frozenset(
    "de la los las del della di da dos du des von van vom zu zum zur der den le el al bin ter ten y e i".split()
)
CALENDAR: Final = frozenset(
    """january february march april june july august september october november december monday tuesday wednesday thursday friday
    saturday sunday januar februar märz mai juni juli oktober dezember montag dienstag mittwoch donnerstag freitag samstag
    sonntag janvier février mars avril juin juillet août septembre octobre novembre décembre lundi mardi mercredi jeudi vendredi
    samedi dimanche enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre lunes martes
    miércoles jueves viernes sábado domingo""".split()
)
NOT_NAMES: Final = frozenset(
    """a an the and or but if then else this that these those it its is are was were be been am do does did has have had can could
    will would shall should may might must not no yes ok please thanks thank hello hi dear hey regards sincerely i you he she we they
    me my your his her our their us them who whom what when where why how which there here now today tomorrow yesterday in on at to
    of for from by with about into over under after before since until while as so than too very just only also all any some each
    every both more most other such own same new old first last next good best great right left sir madam customer client patient
    guest user name names order number phone email mail address date birth city street country state account bank card id code
    call calls called say says said tell told ask asked send sent get got make made take took let see look need want know think
    error value type function class object string list file data system service server note notes unknown none null true false
    team support sales office company department manager director everyone everybody anyone someone nobody people person return
    returns raise raises use used using example default optional required python java linux windows google amazon microsoft apple
    mr mrs ms dr husband wife brother sister mother father son daughter uncle aunt friend colleague neighbour elif else len arg args param
    foo bar baz var print import def lambda fall mode kangaroo visa mac
    english german french spanish american british european english
    der die das den dem des ein eine einen einem einer eines und oder aber wenn dann ist sind war waren wird werden wurde hat haben
    hatte kann können muss müssen soll sollen darf nicht kein keine ja nein bitte danke hallo ich du er sie es wir ihr mich mir dich
    dir ihn ihm uns euch ihnen mein meine meinen meinem meiner dein deine sein seine ihre ihren ihrem unser unsere wer was wann wo
    warum wie welche hier da dort jetzt heute morgen gestern in im an am auf aus bei mit nach von vom vor zu zum zur über unter
    durch für gegen ohne um seit bis als so auch nur noch schon sehr alle jeder jede mehr herr frau herrn kunde kundin gast name
    vorname nachname nummer adresse straße stadt land konto bank karte rechnung bestellung termin anruf brief paket euro uhr tag
    mann kollege kollegin bruder schwester mutter vater sohn tochter onkel tante nachbar nachbarin namen ende sag seit
    woche monat jahr damen herren geehrte geehrter liebe lieber grüße gruß team firma abteilung leitung
    le les un une des du au aux ce cet cette ces et ou mais si est sont était étaient sera a ont avait peut doit faut ne pas oui non
    merci bonjour salut bonsoir je tu il elle on nous vous ils elles moi toi lui leur mon ma mes ton ta tes son sa ses notre votre
    nos vos qui que quoi quand où pourquoi comment quel quelle ici là maintenant aujourd'hui demain hier dans en sur sous par pour
    avec sans chez vers depuis après avant très plus tout tous toute toutes monsieur madame mademoiselle client cliente nom prénom
    rien alors seul seule mari femme frère soeur sœur mère père fils fille oncle voisin voisine bonne année
    numéro adresse rue ville pays compte banque carte commande facture rendez courrier colis équipe société service
    el los las unos unas y o pero si es son era fue será ha han había puede debe hay no sí gracias hola yo tú él ella nosotros
    ustedes ellos ellas mi tu su nuestro quién qué cuándo dónde cómo cuál aquí allí ahora hoy mañana ayer en sobre bajo por para con
    sin desde hasta muy más todo todos toda todas señor señora cliente nombre apellido número dirección calle ciudad país cuenta
    marido mujer hermano hermana madre padre hijo hija tío tía vecino vecina feliz año nuevo
    banco tarjeta pedido factura cita correo paquete equipo empresa departamento servicio""".split()
)
"""Words that begin sentences or stand beside names; a given name that is also such a word needs a cue."""
PLACES: Final = frozenset(
    """paris london berlin madrid rome roma vienna wien milan milano florence venice geneva zurich lyon nice lille marseille bonn
    hamburg hannover bremen köln münchen frankfurt stuttgart dresden leipzig barcelona valencia sevilla granada cordoba austin
    dallas houston denver phoenix boston chicago seattle detroit charlotte madison jackson lincoln washington cleveland orlando
    savannah sydney victoria adelaide perth melbourne georgia virginia carolina dakota florida israel jordan chad kenya india china
    france germany spain italy britain england scotland ireland wales brazil argentina chile peru colombia mexico america africa
    asia europe san francisco los angeles new york santiago lima bogota costa rica san diego san jose san antonio santa monica
    santa fe santa barbara saint petersburg hudson bay el paso las vegas""".split()
) | frozenset(
    ("san francisco", "los angeles", "new york", "san diego", "san jose", "san antonio", "santa monica", "costa rica")
)
PUBLIC: Final = frozenset(
    line.strip()
    for line in """
    albert einstein|isaac newton|marie curie|charles darwin|ada lovelace|alan turing|grace hopper|leonardo da vinci|galileo galilei
    william shakespeare|jane austen|charles dickens|mark twain|oscar wilde|james joyce|virginia woolf|george orwell|ernest hemingway
    johann wolfgang von goethe|friedrich schiller|thomas mann|franz kafka|hermann hesse|bertolt brecht|günter grass|heinrich heine
    victor hugo|marcel proust|émile zola|gustave flaubert|albert camus|jean-paul sartre|simone de beauvoir|jules verne
    miguel de cervantes|federico garcía lorca|gabriel garcía márquez|pablo neruda|jorge luis borges|isabel allende|octavio paz
    ludwig van beethoven|wolfgang amadeus mozart|johann sebastian bach|richard wagner|johannes brahms|franz schubert|frédéric chopin
    claude debussy|maurice ravel|pablo picasso|salvador dalí|francisco de goya|diego velázquez|claude monet|vincent van gogh
    paul cézanne|henri matisse|auguste rodin|frida kahlo|diego rivera|rembrandt van rijn|albrecht dürer|caspar david friedrich
    george washington|thomas jefferson|abraham lincoln|john adams|theodore roosevelt|franklin roosevelt|john kennedy|john f. kennedy
    ronald reagan|george bush|bill clinton|barack obama|donald trump|joe biden|winston churchill|margaret thatcher|tony blair
    napoleon bonaparte|napoléon bonaparte|charles de gaulle|françois mitterrand|jacques chirac|emmanuel macron|otto von bismarck
    konrad adenauer|willy brandt|helmut schmidt|helmut kohl|angela merkel|olaf scholz|adolf hitler|karl marx|friedrich engels
    immanuel kant|friedrich nietzsche|sigmund freud|carl jung|max planck|werner heisenberg|robert koch|louis pasteur|blaise pascal
    rené descartes|martin luther|martin luther king|nelson mandela|mahatma gandhi|simón bolívar|che guevara|fidel castro
    francisco franco|felipe gonzález|pedro sánchez|queen victoria|elvis presley|john lennon|paul mccartney|david bowie|freddie mercury
    michael jackson|taylor swift|bob dylan|frank sinatra|charlie chaplin|marilyn monroe|alfred hitchcock|steven spielberg|walt disney
    steve jobs|bill gates|elon musk|jeff bezos|mark zuckerberg|henry ford|nikola tesla|thomas edison|stephen hawking|richard feynman
    harry potter|sherlock holmes|james bond|romeo montague|don quijote|don quixote|robin hood|peter pan|mickey mouse|donald duck
    lionel messi|cristiano ronaldo|diego maradona|roger federer|rafael nadal|michael jordan|usain bolt|serena williams
    christopher columbus|cristóbal colón|marco polo|james cook|neil armstrong|yuri gagarin|julius caesar|florence nightingale
    rosa parks|anne frank|sophie scholl|jeanne d'arc|joan of arc|hannah arendt|rosa luxemburg|clara schumann|coco chanel|edith piaf
    """.replace("\n", "|").split("|")
    if line.strip()
)
"""People of history, public life and stories, written down for this list: what is told of them is nobody's secret."""
BRANDS: Final = frozenset(
    word.strip()
    for word in """adam opel|alfa romeo|aston martin|ben sherman|calvin klein|christian dior|dolce gabbana|donna karan|estée lauder|giorgio armani
    harley davidson|harley-davidson|hugo boss|jack daniels|jack daniel|jack wolfskin|jimmy choo|johnnie walker|johnson johnson
    levi strauss|louis vuitton|marc jacobs|mary kay|massimo dutti|max mara|mercedes benz|michael kors|paul smith|pierre cardin
    ralph lauren|roberto cavalli|rolls royce|salvatore ferragamo|tommy hilfiger|vivienne westwood|wendy's|yves rocher
    yves saint laurent|carl zeiss|adolfo domínguez|elizabeth arden|helena rubinstein|laura ashley|ted baker|virgin atlantic|dr oetker
    thomas cook|charles schwab|morgan stanley|jp morgan|goldman sachs|dow jones|mary poppins|winnie pooh|carolina herrera
    jean paul gaultier|guy laroche|nina ricci|miguel torres|victoria's secret|jenkins|tesla|mercedes|ferrari|porsche|siemens|bosch
    disney|dyson|ford|honda|toyota|casio|cartier|chanel|gucci|prada|versace|armani|kellogg|heinz|nestlé|danone|michelin|renault
    citroën|peugeot|audi|kafka|cassandra|ruby|julia|perl|pascal|ada|haskell|erlang|django|flask|jasmine|alexa|siri|cortana|watson
    claude|gemini|celeste|lisa|mali|oscar|emmy|nobel|fields|turing""".replace("\n", "|").split("|")
)
"""Firms, products and software named like people."""
EVERYDAY: Final = frozenset(
    """will may mark grace rose chase page summer august art jack bill rob sue pat max penny sunny joy hope faith dawn drew grant dean
    ray guy gene dale glen cliff clay pearl ruby amber crystal lily daisy ivy holly iris violet olive jade angel star sky jan jean
    christian frank ernst mercedes dolores consuelo pilar mar luz paz sol rosa flor alba luna nieves ángel santos domingo prince king
    earl duke pope bishop miles rich buddy charity chance destiny earnest homer hunter fisher parker porter taylor mason carter
    tanner cooper sawyer archer marshall chance major royal legend ace bishop rocky dusty rusty stormy brooke heath forest reed lane
    stone dell ken bob nick tom ben al la an rien elif fall bar baz len bass param foo data king queen lord""".split()
)
"""Given names that are everyday words as well: with a capital they begin a sentence as often as they name somebody."""
THINGS: Final = frozenset(
    """road street avenue lane drive square boulevard park bridge tower beach island islands lake river mountain mountains bay valley hill
    hills falls castle palace hotel restaurant cafe bar pub church cathedral temple station airport stadium arena theatre theater museum
    library gallery hospital clinic school university college institute academy foundation society club league cup award prize
    medal theorem algorithm distribution method formula equation number test model law effect theory principle transform
    process series function constant matrix search sort code inc inc. ltd llc corp corporation company co group holdings
    brothers sons bank airlines motors records pictures studios entertainment news times post journal magazine museum zoo
    gmbh ag kg universität schule straße platz brücke see berg preis stiftung verein satz verfahren verteilung
    université école rue avenue place prix pont fondation théorème loi société musée hôpital gare
    universidad escuela calle avenida plaza premio puente fundación teorema ley museo estación""".split()
)
"""What a name may be a part of without naming a person: "Abbey Road", "Wilson score"."""
