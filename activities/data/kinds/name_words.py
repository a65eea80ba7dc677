"""Words around names: cues, particles, and words with a capital that are no names."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

NAME_CUES: Final[Mapping[str, str]] = {
    "introduced": """
        my name is|my name's|name is|named|i am called|called|this is|speaking is|on behalf of|signed by|ask for
        asked for
        in the name of|goes by the name of|the name of|patient is|customer is|it's|under the name|book it under
        book under|booked under|reservation for|reserved for|registered under|you can call me|just call me|called me
        people call me|i go by|addressed to|made out to|speaking with|you are speaking to|answers to|my full name is
        auf den namen|unter dem namen|lautet auf|genannt|nennt mich|nenn mich|man nennt mich|mein voller name ist
        ich bin der|ich bin die|spreche mit|gebucht auf|reserviert auf|reservierung für|heiße ich|mein vorname ist
        mein nachname ist|sie heißt|er heißt|vorname ist|nachname ist|vertreten durch|z hd
        appelez moi|je me nomme|je me prénomme|se prénomme|se nomme|prénommé|prénommée|on m'appelle|moi je suis
        mon prénom est|réservé au nom|réservation pour|enregistré au nom de|sous le nom de|je m'appelle bien
        me llaman|se llaman|mi apellido es|su nombre es|nombre completo es|responde al nombre de|bajo el nombre de
        reservado a nombre de|reserva para|puedes llamarme|soy el señor|soy la señora|conocido como|conocida como
        mein name ist|ich heiße|ich heisse|heißt|heisst|heiße|name ist|namens|im namen von|unterschrieben von|gezeichnet
        je m'appelle|s'appelle|m'appelle|mon nom est|nommé|nommée|au nom de|c'est|moi c'est|nom est|nom complet
        me llamo|mi nombre es|se llama|nombre es|llamado|llamada|a nombre de|en nombre de|de parte de
        mi nombre completo es
        nombre completo""",
    "titled": """
        mr|mrs|ms|miss|dr|prof|professor|mister|sir|madam|herr|herrn|frau|fr|hr|mme|mlle|monsieur|madame
        mademoiselle|m|sr|sra
        srta|señor|señora|señorita|don|doña|doctor|doctora|docteur|maître|dame|doktor|professeur|profesora|profesor
        mr. and mrs""",
    "field": """
        full name|first name|last name|surname|family name|given name|customer name|patient name|contact name|guest name
        passenger name|employee name|client name|account holder|card holder|cardholder|applicant name
        contact person|attn
        vorname|nachname|familienname|kundenname|ansprechpartner|ansprechpartnerin|kontoinhaber|kontoinhaberin
        karteninhaber|vor und nachname
        z hd|zu händen|vollständiger name
        prénom|nom complet|nom de famille|nom du client|nom et prénom|à l'attention de
        apellido|apellidos|nombre completo|nombre y apellidos|a la atención de|nombre del cliente""",
    "named": """
        name|applicant|recipient|customer|client|patient|tenant|attendee|passenger|guest|contact|holder|beneficiary
        sender|assignee
        insured|employee|caller|empfänger|kunde|kundin|patientin|mieter|mieterin|inhaber|versicherter|antragsteller|gast
        teilnehmer|absender|mitarbeiter|mitarbeiterin|bewerber|bewerberin
        nom|titulaire|destinataire|bénéficiaire|locataire|patiente|cliente|interlocuteur|assuré|assurée|demandeur
        expéditeur|employé
        nombre|titular|destinatario|destinataria|paciente|inquilino|beneficiario|beneficiaria|solicitante
        interesado|remitente
        huésped|empleado""",
    "greeted": """
        dear|hi|hello|hey|good morning|good afternoon|good evening|thanks|thank you|ask|tell|cc|to|from|by|with
        liebe|lieber|hallo|guten tag|guten morgen|sehr geehrte|sehr geehrter|moin|servus|grüß gott|danke|an|von
        cher|chère|bonjour|salut|bonsoir|coucou|merci|de
        querido|querida|hola|estimado|estimada|buenos días|buenas tardes|gracias|de""",
    "signed": """
        regards|kind regards|best regards|warm regards|best|sincerely|yours|yours sincerely|yours truly|cheers|love
        all the best
        best wishes|many thanks|cordially|signed
        mit freundlichen grüßen|freundliche grüße|viele grüße|liebe grüße|beste grüße|herzliche grüße|grüße|gruß|lg
        mfg|vg
        hochachtungsvoll|schöne grüße|bis bald|herzlich|gez
        cordialement|bien cordialement|bien à vous|sincères salutations|amicalement|bises|bisous|salutations|à bientôt
        sentiments distingués|bien amicalement|signé
        saludos|un saludo|saludos cordiales|atentamente|cordialmente|un abrazo|abrazos|besos|un cordial saludo|fdo
        firmado
        muchas gracias""",
    "spoken": """
        i'm|i am|it is|here is|met|called by|spoke to|spoke with|talk to|talked to|from|colleague|friend|brother
        sister|wife
        husband|son|daughter|mother|father|mum|mom|dad|neighbour|neighbor|boss|aunt|uncle|cousin|partner|my manager
        ich bin|hier ist|hier spricht|kollege|kollegin|freund|freundin|bruder|schwester|mann|sohn|tochter|mutter
        vater|nachbar
        nachbarin|chef|chefin|tante|onkel|meine frau|mein mann|es spricht
        je suis|ici|collègue|ami|amie|frère|soeur|sœur|femme|mari|fils|fille|mère|père|voisin|voisine|patron|tante
        oncle|à l'appareil
        soy|habla|aquí|compañero|compañera|amigo|amiga|hermano|hermana|mujer|marido|esposa|esposo|hijo|hija|madre
        padre|vecino
        vecina|jefe|jefa|tía|tío|primo|prima""",
}


def listed(name: str) -> frozenset[str]:
    """A list of `words/lists.toml`."""
    return frozenset(word.strip() for word in _lists()[name].split("|"))


@functools.cache
def _lists() -> dict[str, str]:
    return tomllib.loads(Path(__file__).with_name("words").joinpath("lists.toml").read_text("utf-8"))


PARTICLES: Final = listed("particles")
CALENDAR: Final = listed("calendar")
NOT_NAMES: Final = listed("not_names")
PLACES: Final = listed("places")
PUBLIC: Final = listed("public")
BRANDS: Final = listed("brands")
EVERYDAY: Final = listed("everyday")
THINGS: Final = listed("things")
