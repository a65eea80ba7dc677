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
        teléfono móvil""",
    "birth": """
        born|birth|birthdate|birth date|date of birth|birthday|dob|d o b|b day|bday
        geboren|geb|geburtsdatum|geburtstag|geb datum|geb am|jahrgang|geburtstages
        né|née|né le|née le|naissance|date de naissance|né(e) le|anniversaire|ddn|naquit
        nacido|nacida|nací|nació|nacimiento|fecha de nacimiento|f nacimiento|fecha nac|cumpleaños|f nac""",
    "passport": """
        passport|passport number|passport no|passport nr|passports|reisepass|reisepassnummer|passnummer|pass nr
        pass nummer
        passeport|numéro de passeport|passeports|pasaporte|número de pasaporte|pasaportes|travel document
        reisedokument""",
    "idcard": """
        id card|identity card|identification card|national id card|id document|identity document|id card number
        personalausweis|personalausweisnummer|ausweis|ausweisnummer|perso|ausweisnr|ausweisdokument|id nummer
        carte d'identité|carte nationale d'identité|cni|pièce d'identité|carte d identité|carte identité|titre de séjour
        numéro de carte d'identité|pièce identité|carte nationale|cédula|documento de identidad|tarjeta de identidad
        id number|aufenthaltstitel""",
    "licence": """
        driving licence|driving license|driver licence|driver license|drivers license|driver's license|driver's licence
        drivers licence|driving licence number|driver license number|licence number|license number|dl number|dvla
        führerschein|führerscheinnummer|fahrerlaubnis|führerscheinnr|fahrerlaubnisnummer|führerschein nr
        permis de conduire|permis|numéro de permis|permiso de conducir|carnet de conducir|permiso de conducción
        licencia de conducir|número de permiso|licencia de manejo|permis conduire|permiso conducir|carné de conducir""",
    "account": """
        account number|account no|bank account|acct|acct no|account nr|account|sort code|sortcode|routing number
        checking account
        savings account|current account|iban|bank details|direct debit|account num
        konto|kontonummer|kontonr|kto|kto nr|bankkonto|girokonto|bankverbindung|konto nr|sparkonto|lastschrift
        compte|compte bancaire|numéro de compte|n° de compte|rib|compte n°|compte courant|compte en banque|virement
        cuenta|cuenta bancaria|número de cuenta|ccc|cuenta corriente|n.º de cuenta|cta|domiciliación|nº de cuenta
        cuenta n""",
    "bank": """
        bic|swift|swift code|bic code|bic swift|swift bic""",
    "ssn": """
        ssn|social security|social security number|social sec|itin|social""",
    "nino": """
        national insurance|national insurance number|ni number|nino|nin|n.i. number""",
    "detax": """
        steuer id|steuer identifikationsnummer|steueridentifikationsnummer|steuernummer|steuer nr|idnr|tax id|tax number
        identifikationsnummer|steuerid|steuerliche identifikationsnummer|tin|steuer nummer|tax identification""",
    "desocial": """
        rentenversicherung|rentenversicherungsnummer|sozialversicherung|sozialversicherungsnummer|sv nummer|svnr|sv nr
        rvnr|versicherungsnummer|rentennummer|rv nummer|sozialversicherungsnr""",
    "nir": """
        sécurité sociale|numéro de sécurité sociale|n° de sécu|sécu|nir|insee|numéro de sécu|carte vitale|n° ss|num secu
        numéro insee|assuré social|numéro d'assuré|immatriculation sociale""",
    "frtax": """
        numéro fiscal|n° fiscal|identifiant fiscal|spi|référence fiscale|fiscal|numéro spi
        numéro d'identification fiscale
        impôts|avis d'imposition|num fiscal|tax number|tax id""",
    "nif": """
        nif|dni|documento nacional de identidad|nie|cif|número de identificación fiscal|tax id|n.i.f|d.n.i|n.i.e
        número de identidad|identificación fiscal|extranjero""",
    "essocial": """
        seguridad social|número de la seguridad social|nss|naf|número de afiliación|n.º de seguridad social|afiliación
        nuss|afiliado|número de seguridad social|n.º ss|social security""",
    "health": """
        nhs|nhs number|nhs no|health number|health service number|medicare|mbi|health insurance|patient number
        patient id
        medicare number|beneficiary|health card|health id|medical record|insurance id|member id|health insurance number
        krankenversicherung|krankenversichertennummer|versichertennummer|kvnr|krankenkasse|gesundheitskarte|kv nummer
        krankenversicherungsnummer|versicherten nr|egk|versichertenkarte|kassennummer|versicherten id
        tarjeta sanitaria|nuhsa|cip|número sanitario|cartilla|sanitaria|tis|salud|tarjeta de salud
        código de identificación
        carte vitale|numéro de santé|assurance maladie|santé""",
    "national": """
        national id|national id number|identity number|identification number|personal number|personnummer|cpr|cpf
        bsn|pesel number|pesel
        burgerservicenummer|codice fiscale|aadhaar|aadhar|social insurance number|sin number|pps|ppsn|tfn
        tax file number|curp|rfc
        ahv|ahv nummer|avs|numéro avs|sozialversicherungsnummer|registre national|rijksregister|rijksregisternummer|hetu
        numéro national|numéro de registre national|pan card|pan number|henkilötunnus|national identity|nric|niss
        national number""",
    "vin": """
        vin|vin number|chassis|chassis number|vehicle identification|vehicle identification number|vin no
        fahrgestellnummer|fahrgestell|fin|fahrzeug identifizierungsnummer|fahrzeugidentifikationsnummer|fahrgestellnr
        châssis|numéro de châssis|numéro de série du véhicule|vin n°|numéro vin|identification du véhicule
        numéro d'identification
        bastidor|número de bastidor|chasis|número de chasis|n.º de bastidor""",
    "plate": """
        plate|plate number|licence plate|license plate|number plate|registration|reg|reg number|registration number
        plates
        registration plate|reg no|vehicle reg|car reg|registered as|car
        kennzeichen|autokennzeichen|kfz kennzeichen|nummernschild|amtliches kennzeichen|kfz|auto|wagen|fahrzeug|pkw
        plaque|immatriculation|plaque d'immatriculation|immatriculé|immatriculée|numéro d'immatriculation|voiture
        véhicule
        matrícula|placa|matrículas|coche|vehículo|matriculado|placas|furgoneta""",
    "user": """
        username|user name|user id|userid|user handle|login|login name|my handle|handle is|screen name|screenname
        nickname|nick|account name
        gamertag|logged in as|alias|online as|posting as|posts as|goes by|profile name
        benutzername|nutzername|benutzerkonto|benutzerkennung|anmeldename|kennung|profilname|spitzname
        angemeldet als|unter dem namen|loginname|nutzerkonto
        nom d'utilisateur|pseudo|pseudonyme|identifiant|nom d utilisateur|connecté en tant que
        nom de compte|sous le pseudo
        nombre de usuario|nombre usuario|apodo|alias|conectado como|nick|id de usuario""",
    "userword": """
        user|handle|benutzer|nutzer|utilisateur|utilisatrice|usuario|usuaria""",
    "platform": """
        twitter|instagram|insta|telegram|tiktok|github|gitlab|discord|reddit|mastodon|steam|twitch|youtube|snapchat
        skype|bluesky
        threads|facebook|linkedin|psn|xbox|playstation|follow me|find me|folgt mir|folge mir|suivez moi|sígueme
        seguidme|online
        forum|foro|profile|profil|perfil|handle|message me|dm me""",
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
        afincado en""",
    "coords": """
        coordinates|coordinate|gps|latitude|longitude|lat|lng|lon|latlng|lat lon|position|location|located at|geo
        pin|long
        geolocation|whereabouts|gps position|geotag|last seen|coords|last signal|signal|pinged|tracked to
        koordinaten|koordinate|standort|breitengrad|längengrad|position|gps daten|ortung|geoposition|geortet|signal
        zuletzt bei
        coordonnées|coordonnées gps|localisation|emplacement|géolocalisation|position gps|signal|localisé|repéré
        coordenadas|ubicación|posición|localización|latitud|longitud|geolocalización|señal|localizado|última señal""",
    "address": """
        address|home address|postal address|mailing address|shipping address|billing address|delivery address
        deliver to|ship to
        lives at|live at|living at|residing at|send it to|moved to|delivered to|sent to
        adresse|anschrift|wohnadresse|lieferadresse|postanschrift|wohnhaft|wohnt in der|wohne in der|lieferung an
        straße|strasse
        wohnt am|wohne am|wohnt im|wohne im|rechnungsadresse|meldeadresse|lieferanschrift|wohnt|wohne|zustellung
        adresse postale|adresse de livraison|livrer au|livraison|habite au|habite|domicilié|domiciliée|demeurant|réside
        dirección|domicilio|vivo en|vive en|dirección postal|dirección de envío|enviar a|entrega|envío|domiciliado
        domiciliada|reside""",
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
