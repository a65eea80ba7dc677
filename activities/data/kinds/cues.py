"""Words that say what stands beside them, by family, in English, German, French and Spanish.

All are lower case; a space also stands for `_`, `-` or nothing, as in names of fields. A word with accents is
    looked for
without them too, and with German digraphs. They are from forms, letters and software that the author knows, from
    no list of anybody's.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from typing import Final

CUES: Final[Mapping[str, str]] = {
    "phone": """
        phone|phones|phone number|phone no|telephone|telephone number|tel|tel no|mobile|mobile number|mobile no
        cell|cell phone
        cell number|cellphone|fax|whatsapp|landline|call me|call us|call her|call him|call them|call back|callback
        ring me|ring her|ring him|text me|text her|text him|reach me|reach her|reach him|reachable|can text
        please text|text or call|call or text|contact number|dial
        sms|my number is|number is still|hotline|phone nr
        telefon|telefonnummer|telefonnr|tel nr|handy|handynummer|handynr|mobil|mobilnummer|mobiltelefon|festnetz
        rufnummer
        rufnr|durchwahl|ruf an|rufen sie|anrufen|anruf|rückruf|rückrufnummer|zurückrufen|erreichbar|erreichen|faxnummer
        telefonisch|nummer lautet|rückruf unter|meine nummer
        téléphone|téléphones|numéro de téléphone|tél|portable|mobile|fixe|appelez|appeler|appelle|rappeler|rappelez
        rappel
        joindre|joignable|mon tél|joignez|numéro de portable|numéro de mobile|télécopie|mon numéro|son numéro|gsm
        teléfono|teléfonos|número de teléfono|tfno|tlf|tlfn|telf|móvil|número de móvil|celular|fijo|llame|llamar|llámeme
        llámame|llamada|llámenos|localizable|contactar|número de contacto|mi número|su número|llamarme
        teléfono móvil
        cell no|cell phone number|phone contact|contact phone|daytime phone|home phone|work phone|office phone
        direct line|extension|my cell|my mobile|his number|her number|their number|new number|reach him on
        reach her on|ring us|ring them|give me a call|give me a ring|give her a call|give him a call|text us
        message me on|msisdn|fax number|emergency contact|voicemail|signal number|telefonkontakt|kontaktnummer
        privatnummer|diensthandy|dienstnummer|mobilfunknummer|mobilfunk|mobiltelefonnummer|telefonnummern|rufen|ruft
        ruf mich|klingel|anrufbar|melden unter|melde dich unter|zu erreichen|notfallkontakt|whatsapp nummer|mein handy
        seine nummer|ihre nummer|neue nummer|sms an|schreib mir auf|numéro de tél|numéro de fixe|ligne directe
        ligne fixe|téléphone portable|téléphone fixe|téléphone mobile|appelez moi|appelle moi|rappelle moi|téléphonez
        coup de fil|me joindre|nous joindre|la joindre|le joindre|contacter au|mon portable|mon mobile|mon fixe|sms au
        urgence|nouveau numéro|répondeur|teléfono fijo|número de celular|número de fijo|llámanos|llama al|llamen
        llamad|contacto telefónico|teléfono de contacto|mi móvil|mi celular|mi tel|línea directa|localizarme
        contactarme|escríbeme al|wasap|mándame un whatsapp|nuevo número|número de fax|contestador""",
    "birth": """
        born|birth|birthdate|birth date|date of birth|birthday|dob|d o b|b day|bday
        geboren|geb|geburtsdatum|geburtstag|geb datum|geb am|jahrgang|geburtstages
        né|née|né le|née le|naissance|date de naissance|né(e) le|anniversaire|ddn|naquit
        nacido|nacida|nací|nació|nacimiento|fecha de nacimiento|f nacimiento|fecha nac|cumpleaños|f nac
        year of birth|born on|born in|birth year|date born|birth day|turned|natal day|geburtsjahr|geboren am
        geboren im|geburts datum|gebdat|geb dat|gebtag|zur welt gekommen|zur welt kam|wurde geboren|né(e)|nés le
        nées le|jour de naissance|né en|née en|année de naissance|date naiss|naiss|venu au monde|venue au monde
        a vu le jour|nacido el|nacida el|nací el|nació el|día de nacimiento|año de nacimiento|fecha nacimiento|fec nac
        f de nacimiento|nacidos el|vino al mundo|cumple años|mi cumple""",
    "passport": """
        passport|passport number|passport no|passport nr|passports|reisepass|reisepassnummer|passnummer|pass nr
        pass nummer
        passeport|numéro de passeport|passeports|pasaporte|número de pasaporte|pasaportes|travel document
        reisedokument
        passport id|passport document|travel passport|pp number|passport details|passport book|reisepass nr|pass
        kinderreisepass|passnr|pass id|ausweisdokument|passdaten|numéro du passeport|document de voyage
        n° de passeport|passeport biométrique|pasaporte número|n.º de pasaporte|documento de viaje|nro de pasaporte
        datos del pasaporte|pasaporte n""",
    "idcard": """
        id card|identity card|identification card|national id card|id document|identity document|id card number
        personalausweis|personalausweisnummer|ausweis|ausweisnummer|perso|ausweisnr|ausweisdokument|id nummer
        carte d'identité|carte nationale d'identité|cni|pièce d'identité|carte d identité|carte identité|titre de séjour
        numéro de carte d'identité|pièce identité|carte nationale|cédula|documento de identidad|tarjeta de identidad
        id number|aufenthaltstitel
        identity card number|identification card number|national identity card|national identity card number
        residence permit|residence card|id no|photo id|identification document|government id|state id|document number
        document no|proof of identity|personalausweisnr|personalausweis nr|ausweis nr|ausweis id|personalausweises
        perso nummer|identitätskarte|identitätsnachweis|dokumentennummer|seriennummer des ausweises|personaldokument
        personalausweise|lichtbildausweis|numéro de cni|numéro de pièce d'identité|pièces d'identité
        carte nationale d'identité numéro|numéro de la carte d'identité|document d'identité|titre d'identité
        carte de séjour|justificatif d'identité|papiers d'identité|ma carte d'identité|cédula de identidad
        cédula de ciudadanía|carnet de identidad|carné de identidad|documento nacional|número de documento
        tarjeta de residencia|permiso de residencia|número de soporte|documento de identificación|credencial""",
    "licence": """
        driving licence|driving license|driver licence|driver license|drivers license|driver's license|driver's licence
        drivers licence|driving licence number|driver license number|licence number|license number|dl number|dvla
        führerschein|führerscheinnummer|fahrerlaubnis|führerscheinnr|fahrerlaubnisnummer|führerschein nr
        permis de conduire|permis|numéro de permis|permiso de conducir|carnet de conducir|permiso de conducción
        licencia de conducir|número de permiso|licencia de manejo|permis conduire|permiso conducir|carné de conducir
        driving permit|drivers licence number|driver's licence number|driver's license number|driving license number
        driver number|driver id|permit number|licence no|license no|dl no|licence id|führerscheins|führerscheindaten
        fahrerlaubnis nr|führerschein id|lenkerberechtigung|führerausweis|führerkarte|kartenführerschein
        numéro du permis|permis b|permis numéro|titre de conduite|permis de conducteur|mon permis
        licencia de conducción|licencia de manejo número|número de licencia|carnet de conducir número
        permiso de circulación|mi carnet|registro de conducir|brevete""",
    "account": """
        account number|account no|bank account|acct|acct no|account nr|account|sort code|sortcode|routing number
        checking account
        savings account|current account|iban|bank details|direct debit|account num
        konto|kontonummer|kontonr|kto|kto nr|bankkonto|girokonto|bankverbindung|konto nr|sparkonto|lastschrift
        compte|compte bancaire|numéro de compte|n° de compte|rib|compte n°|compte courant|compte en banque|virement
        cuenta|cuenta bancaria|número de cuenta|ccc|cuenta corriente|n.º de cuenta|cta|domiciliación|nº de cuenta
        cuenta n
        bank account number|a/c|a/c no|acc no|acc number|account details|my account|payee account|bank acct|routing
        standing order|wire to|transfer to|deposit to|iban number|beneficiary account|salary account|debit from
        bankkonto nr|bankkontonummer|kontoverbindung|gehaltskonto|referenzkonto|bankdaten|kontodaten|überweisen auf
        überweisung auf|überweisung an|abbuchen von|einzugsermächtigung|spar konto|girokontonummer|gutschrift auf
        numéro du compte|mon compte|compte chèque|compte épargne|coordonnées bancaires|prélèvement
        relevé d'identité bancaire|virer sur|compte n|compte numéro|numéro de compte bancaire|mi cuenta
        número de la cuenta|cuenta de ahorro|cuenta de ahorros|cuenta nómina|datos bancarios|transferencia a
        transferir a|ingresar en|cuenta número|código cuenta cliente|número de cuenta bancaria|clabe|cbu|cargo en""",
    "bank": """
        bic|swift|swift code|bic code|bic swift|swift bic
        bank identifier|bank identifier code|swift number|bic nummer|bic swift code|code bic|code swift|código bic
        código swift|bankleitzahl|business identifier code""",
    "ssn": """
        ssn|social security|social security number|social sec|itin|social
        social security no|social security card|soc sec|ss number|ss no|ssn number|taxpayer identification
        last four of social|individual taxpayer|sozialversicherungsnummer|tax id""",
    "nino": """
        national insurance|national insurance number|ni number|nino|nin|n.i. number
        insurance number|ni no|national insurance no|n i number|national insurance card""",
    "detax": """
        steuer id|steuer identifikationsnummer|steueridentifikationsnummer|steuernummer|steuer nr|idnr|tax id|tax number
        identifikationsnummer|steuerid|steuerliche identifikationsnummer|tin|steuer nummer|tax identification
        steuer identifikations nummer|steuer identnummer|steueridentnummer|steuer idnr|steuernr|steuerliche id
        steuer ident nr|finanzamt|steuerbescheid|tax identification number|taxpayer id|steuerliche identnummer
        persönliche steuernummer""",
    "desocial": """
        rentenversicherung|rentenversicherungsnummer|sozialversicherung|sozialversicherungsnummer|sv nummer|svnr|sv nr
        rvnr|versicherungsnummer|rentennummer|rv nummer|sozialversicherungsnr
        versicherungs nr|rentenversicherungsnr|rentenversicherungs nr|sozialversicherungsausweis
        deutsche rentenversicherung|sozialversicherungs nr|rv nr|rentenversicherungsträger|sv ausweis
        versicherungs nummer""",
    "nir": """
        sécurité sociale|numéro de sécurité sociale|n° de sécu|sécu|nir|insee|numéro de sécu|carte vitale|n° ss|num secu
        numéro insee|assuré social|numéro d'assuré|immatriculation sociale
        numéro de sécurité|sécu sociale|numéro secu|n° sécu|numéro de ss|numéro ss|numéro d'assuré social
        immatriculé à la sécu|numéro d'inscription au répertoire|cpam|ameli|matricule insee|ma carte vitale
        social security number""",
    "frtax": """
        numéro fiscal|n° fiscal|identifiant fiscal|spi|référence fiscale|fiscal|numéro spi
        numéro d'identification fiscale
        impôts|avis d'imposition|num fiscal|tax number|tax id
        numéro d'impôt|référence fiscal|identification fiscale|déclaration d'impôts|mon numéro fiscal|n° spi
        numéro d'identifiant fiscal|impôt|impots gouv|avis d'impôt|administration fiscale|trésor public
        tax identification number""",
    "nif": """
        nif|dni|documento nacional de identidad|nie|cif|número de identificación fiscal|tax id|n.i.f|d.n.i|n.i.e
        número de identidad|identificación fiscal|extranjero
        dni nie|nif nie|documento nacional|número de dni|número de nif|número de nie|dni número|identidad
        documento de identidad|tarjeta de extranjero|número de extranjero|número de identidad de extranjero
        identificación|contribuyente|hacienda|carnet de identidad|letra del dni|residente""",
    "essocial": """
        seguridad social|número de la seguridad social|nss|naf|número de afiliación|n.º de seguridad social|afiliación
        nuss|afiliado|número de seguridad social|n.º ss|social security
        número de afiliado|n.º de afiliación|número de seguridad|tarjeta de la seguridad social|tesorería general
        cotización|número ss|nº ss|seg social|s social|s.s|número de la ss|tgss|social security number""",
    "health": """
        nhs|nhs number|nhs no|health number|health service number|medicare|mbi|health insurance|patient number
        patient id
        medicare number|beneficiary|health card|health id|medical record|insurance id|member id|health insurance number
        krankenversicherung|krankenversichertennummer|versichertennummer|kvnr|krankenkasse|gesundheitskarte|kv nummer
        krankenversicherungsnummer|versicherten nr|egk|versichertenkarte|kassennummer|versicherten id
        tarjeta sanitaria|nuhsa|cip|número sanitario|cartilla|sanitaria|tis|salud|tarjeta de salud
        código de identificación
        carte vitale|numéro de santé|assurance maladie|santé
        nhs id|health service|health insurance no|insurance number|insured id|membership number|member number
        policy number|subscriber id|medicare id|medicare card|medicare beneficiary|patient no|mrn
        medical record number|hospital number|insurance card|health plan|health insurance card|medicaid|versichertennr
        versicherten nummer|krankenversichertennr|krankenkassennummer|gesundheitskartennummer|egk nummer|kv nr
        krankenkassen nr|elektronische gesundheitskarte|krankenversicherung nr|krankenversichertenkarte|chipkarte
        patientennummer|versichert unter|mitgliedsnummer|versicherungskarte|numéro de carte vitale|numéro d'assuré
        numéro d'adhérent|mutuelle|caisse d'assurance maladie|identifiant national de santé|ins|carte de santé
        carte européenne d'assurance maladie|número de tarjeta sanitaria|tarjeta sanitaria número
        número de la seguridad sanitaria|cartilla sanitaria|número de historia|historia clínica
        código de identificación personal|nass|número de paciente|seguro médico|tarjeta del seguro|mi cip|número cip
        usuario de la sanidad|cip sns|tarjeta sanitaria individual|servicio de salud""",
    "national": """
        national id|national id number|identity number|identification number|personal number|personnummer|cpr|cpf
        bsn|pesel number|pesel
        burgerservicenummer|codice fiscale|aadhaar|aadhar|social insurance number|sin number|pps|ppsn|tfn
        tax file number|curp|rfc
        ahv|ahv nummer|avs|numéro avs|sozialversicherungsnummer|registre national|rijksregister|rijksregisternummer|hetu
        numéro national|numéro de registre national|pan card|pan number|henkilötunnus|national identity|nric|niss
        national number
        national identification|national identification number|citizen number|citizen id|personal id
        personal identification number|civil registration number|fødselsnummer|rodné číslo|egn|cnp|amka|oib|rut|cuit
        cuil|personal code|social insurance|tax file|personenkennziffer|personennummer|bürgernummer
        bürgerservicenummer|identifikationsnummer|numéro d'identification nationale|numéro d'identité|numéro rn
        niss numéro|avs numéro|clave única|número de identificación|número de identificación nacional|número nacional
        cédula|identificación nacional""",
    "vin": """
        vin|vin number|chassis|chassis number|vehicle identification|vehicle identification number|vin no
        fahrgestellnummer|fahrgestell|fin|fahrzeug identifizierungsnummer|fahrzeugidentifikationsnummer|fahrgestellnr
        châssis|numéro de châssis|numéro de série du véhicule|vin n°|numéro vin|identification du véhicule
        numéro d'identification
        bastidor|número de bastidor|chasis|número de chasis|n.º de bastidor
        vehicle id|vehicle id number|chassis no|frame number|vehicle serial|vehicle serial number|car serial number
        fahrgestell nr|fahrzeugident|fahrzeug ident nr|fahrzeug identnummer|fahrzeugidentnummer|fin nummer
        rahmennummer|vin nummer|fahrzeug id|fahrzeugschein|fahrzeugidentifizierungsnummer|numéro du châssis
        numéro d'identification du véhicule|numéro de série|code vin|n° de châssis|numéro de cadre|carte grise
        número de identificación del vehículo|número vin|vin del coche|n.º de chasis|número de serie|código vin
        ficha técnica|identificación del vehículo""",
    "plate": """
        plate|plate number|licence plate|license plate|number plate|registration|reg|reg number|registration number
        plates
        registration plate|reg no|vehicle reg|car reg|registered as|car
        kennzeichen|autokennzeichen|kfz kennzeichen|nummernschild|amtliches kennzeichen|kfz|auto|wagen|fahrzeug|pkw
        plaque|immatriculation|plaque d'immatriculation|immatriculé|immatriculée|numéro d'immatriculation|voiture
        véhicule
        matrícula|placa|matrículas|coche|vehículo|matriculado|placas|furgoneta
        car plate|car registration|vehicle registration|vehicle plate|tag number|number plates|licence plates
        license plates|vrm|van|plate no|vehicle registration number|my car|truck|vehicle|motorbike|parked|autonummer
        kfz nummer|zulassung|zugelassen|zugelassen auf|kennzeichens|auto kennzeichen|nummernschilder
        fahrzeugkennzeichen|kontrollschild|motorrad|lieferwagen|transporter|geparkt|kfz kennz|kennz|numéro de plaque
        plaques|immatriculation du véhicule|camionnette|moto|garée|garé|plaque minéralogique|camion|immatriculés
        n° d'immatriculation|número de matrícula|matrícula del coche|placa del vehículo|número de placa|patente|carro
        furgón|camión|aparcado|matriculada|coche con matrícula|placa de matrícula|matriculación""",
    "user": """
        username|user name|user id|userid|user handle|login|login name|my handle|handle is|screen name|screenname
        nickname|nick|account name
        gamertag|logged in as|alias|online as|posting as|posts as|goes by|profile name
        benutzername|nutzername|benutzerkonto|benutzerkennung|anmeldename|kennung|profilname|spitzname
        angemeldet als|unter dem namen|loginname|nutzerkonto
        nom d'utilisateur|pseudo|pseudonyme|identifiant|nom d utilisateur|connecté en tant que
        nom de compte|sous le pseudo
        nombre de usuario|nombre usuario|apodo|alias|conectado como|nick|id de usuario
        handle|handle name|user account|account id|account handle|login id|signed in as|sign in as|log in as
        registered as|player name|gamer tag|screen handle|display name|forum name|forum handle|my username|my user
        known online as|nick name|nickname is|call sign|tag is|channel name|ign|signed up as
        chat name|skype id|user is|nutzerkennung|anmeldung als|eingeloggt als|registriert als|nutzer id|benutzer id
        spielername|forenname|mein benutzername|accountname|loginkennung|zugangskennung|username ist
        online name|kontoname|nutzername ist|pseudo est|mon pseudo|mon identifiant|identifiant de connexion
        nom de profil|surnom|connectée en tant que|inscrit sous|inscrite sous|compte utilisateur|nom de joueur
        id utilisateur|identifiant utilisateur|pseudonyme est|mi usuario|nombre de perfil|nombre de cuenta
        identificador|sobrenombre|conectada como|registrado como|registrada como|mi alias|nick es|mi nick|id usuario
        cuenta de usuario|mi apodo|seudónimo|usuario es|nombre de jugador""",
    "userword": """
        user|handle|benutzer|nutzer|utilisateur|utilisatrice|usuario|usuaria
        username|login|nick|pseudo|account|konto|compte|cuenta|alias|player|spieler|joueur|jugador|streamer|gamer
        profil|perfil""",
    "platform": """
        twitter|instagram|insta|telegram|tiktok|github|gitlab|discord|reddit|mastodon|steam|twitch|youtube|snapchat
        skype|bluesky
        threads|facebook|linkedin|psn|xbox|playstation|follow me|find me|folgt mir|folge mir|suivez moi|sígueme
        seguidme|online
        forum|foro|profile|profil|perfil|handle|message me|dm me
        tik tok|you tube|x.com|twitter handle|instagram handle|on insta|insta handle|add me|pm me|slide into
        vinted|ebay|strava|viber|wechat|line id|pinterest|tumblr|vk|soundcloud|spotify|bandcamp|patreon
        twitch channel|steam id|tag me|mention me|hit me up|look me up|search for me
        my channel|addet mich|füg mich hinzu|schreib mir|schreibt mir|mein kanal
        findest du mich|findet mich|kleinanzeigen|such mich|verlinke mich|markiert mich|ajoute moi|ajoutez moi
        suis moi|abonne toi|abonnez vous|ma chaîne|retrouvez moi|retrouve moi|écris moi|écrivez moi|leboncoin
        me trouver|taguez moi|sígame|síganme|agrégame|agrégueme|escríbeme|búscame|mi canal|encuéntrame|me encuentras
        etiquétame|wallapop|suscríbete""",
    "live": """
        live in|lives in|living in|lived in|live now in|now live in|place of birth|birthplace|birth place
        birth city|resident of|residing in|resides in|based in|moved to|home town|hometown|city|town
        place of residence|residence|i'm from|i am from|comes from|born in|relocated to|grew up in|city of residence
        geburtsort|wohne in|wohnt in|wohnhaft in|wohne jetzt in|wohnt jetzt in|lebe jetzt in|lebt jetzt in
        geboren in|wohnort|wohnen in|lebe in|lebt in|stadt|ort|ich komme aus|kommt aus|umgezogen nach|wohnsitz
        gezogen nach|zuhause in|heimatstadt|lebe seit|aufgewachsen in|ansässig in|wohnhaft|zieht nach|ziehe nach
        lieu de naissance|né à|née à|habite à|habite|habitant à|habite maintenant à|habite désormais à
        vit maintenant à|réside à|vis à|vit à|ville|lieu de résidence|domicilié à|domiciliée à|domicile|originaire de
        demeurant à|j'habite|résidant à|ville de résidence|déménagé à|vivons à|installé à|installée à|commune
        lugar de nacimiento|nací en|nacido en|nacida en|nació en|vivo en|vive en|resido en|vivo ahora en
        ahora vivo en|reside en|residente en|ciudad|localidad|lugar de residencia|domiciliado en|soy de|viviendo en
        domicilio en|residencia|población|vecino de|vecina de|mudado a|vivimos en|domiciliada en|municipio
        afincado en
        currently live in|currently living in|now living in|settled in|home is in|raised in|native of|living near
        originally from|hail from|hails from|i was born in|was born in|moved from|move to|moving to|relocating to
        stay in|staying in|resides at|located in|townland|town of residence|town of birth|city of birth
        place of living|hometown is|lived all my life in|geburtsstadt|geboren und aufgewachsen in|wohnort ist
        lebt seit|wohnt seit|wohne seit|beheimatet in|stammt aus|stamme aus|gebürtig aus|umgezogen|umzug nach
        ziehen nach|wohnsitz in|gemeldet in|wohnhaft zu|heimatort|wir wohnen in|leben in|leben jetzt in|ist aus
        bin aus|herkunftsort|wohngemeinde|ville de naissance|commune de naissance|né a|habitons à|habitent à
        habite sur|habite près de|vivre à|vivant à|j'habite à|je vis à|je viens de|vient de|résidons à
        réside actuellement à|emménagé à|emménager à|installés à|résidence à|natif de|native de|grandi à|domiciliés à
        localité|ville actuelle|déménage à|déménager à|ciudad de nacimiento|ciudad de residencia
        localidad de residencia|nacimos en|me mudé a|se mudó a|mudarse a|mudarme a|mi ciudad es|natural de|oriundo de
        oriunda de|proviene de|criado en|criada en|residimos en|radicado en|radicada en|instalado en|instalada en
        reside actualmente en|vivo actualmente en|vive actualmente en|residiendo en|empadronado en|empadronada en
        es de|trasladado a|pueblo""",
    "moved": """
        gezogen|umgezogen|geboren|aufgewachsen|wohnhaft|wohnt|wohne|wohnen""",
    "coords": """
        coordinates|coordinate|gps|latitude|longitude|lat|lng|lon|latlng|lat lon|position|location|located at|geo
        pin|long
        geolocation|whereabouts|gps position|geotag|last seen|coords|last signal|signal|pinged|tracked to
        koordinaten|koordinate|standort|breitengrad|längengrad|position|gps daten|ortung|geoposition|geortet|signal
        zuletzt bei
        coordonnées|coordonnées gps|localisation|emplacement|géolocalisation|position gps|signal|localisé|repéré
        coordenadas|ubicación|posición|localización|latitud|longitud|geolocalización|señal|localizado|última señal
        geo coordinates|geographic coordinates|gps coordinates|gps location|my location|current location
        exact location|home location|last known position|last position|location data|located|tracked at|map pin
        drop pin|waypoint|lat long|geo location|gps koordinaten|aufenthaltsort|zuletzt geortet|standortdaten
        geokoordinaten|letzter standort|lokalisiert|lage|wegpunkt|positionsdaten|point gps|localisée|dernière position
        ma position|position actuelle|coordonnées géographiques|repérée|géolocalisé|géolocalisée|données gps
        emplacement actuel|coordenadas gps|posición gps|ubicación actual|ubicado en|ubicada en|mi ubicación
        última posición|punto gps|localizada|coordenadas geográficas|última ubicación|georreferencia""",
    "address": """
        address|home address|postal address|mailing address|shipping address|billing address|delivery address
        deliver to|ship to
        lives at|live at|living at|residing at|send it to|moved to|delivered to|sent to
        adresse|anschrift|wohnadresse|lieferadresse|postanschrift|wohnhaft|wohnt in der|wohne in der|lieferung an
        straße|strasse
        wohnt am|wohne am|wohnt im|wohne im|rechnungsadresse|meldeadresse|lieferanschrift|wohnt|wohne|zustellung
        adresse postale|adresse de livraison|livrer au|livraison|habite au|habite|domicilié|domiciliée|demeurant|réside
        dirección|domicilio|vivo en|vive en|dirección postal|dirección de envío|enviar a|entrega|envío|domiciliado
        domiciliada|reside
        residential address|permanent address|current address|street address|correspondence address|registered address
        my address|residing in|located at|pick up at|pick up from|drop off at|mail to|post to|parcel to|come to
        property at|flat at|house at|stay at|staying at|moved into|reside at|resides at|resident at|lived at|send to
        deliver it to|wohnanschrift|privatadresse|privatanschrift|postadresse|heimatadresse|versandadresse
        zustelladresse|hausanschrift|wohnsitz|liefern an|liefern sie an|schicken an|senden an|zu hause in
        wohnung in der|wohnung am|abholung|gemeldet|umgezogen in die|umgezogen|zugestellt|geliefert an|geschickt an
        adresse personnelle|adresse actuelle|adresse de facturation|adresse de domicile|mon adresse|envoyer au
        expédier au|colis au|livrez au|livré au|réside au|demeure au|demeurant au|domicilié au|domiciliée au|logé au
        situé au|appartement au|vit au|j'habite|dirección actual|dirección de entrega|dirección de facturación
        dirección particular|mi dirección|domicilio particular|mandar a|entregar en|enviarlo a|piso en|casa en
        reside en|residente en|vivimos en|viviendo en|residencia|domicilio fiscal|señas|recoger en|paquete a""",
}


_DIGRAPHS: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})


def plain(text: str) -> str:
    """Without accents."""
    return "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))


def words(listed: str) -> Iterator[str]:
    """The words of a list, with accents and without."""
    for line in listed.split("\n"):
        for word in filter(None, (part.strip() for part in line.split("|"))):
            yield word
            yield from sorted({plain(word), plain(word.translate(_DIGRAPHS))} - {word})
