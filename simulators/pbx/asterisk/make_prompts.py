"""Make the reference PBX's prompts and the people's speech: ``python -m simulators.pbx.asterisk.make_prompts``.

Needs espeak-ng (Debian: ``apt-get install espeak-ng``); nothing else in the project does, because its
output is committed. A prompt is recognised by its samples, so every phone system that is to be checked with
it must play these very files: making them anew means installing them anew.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.audio.levels import Samples, frame_levels, to_level
from harness.audio.speech import SPEECH
from harness.audio.wav import read_recording, read_reference, resample, write_wav

PROMPTS = Path(__file__).parent / "prompts"
RATE_HZ = 8000
SPEECH_RATE_HZ = 16_000
LEVEL_DBOV = -20.0
EDGE_S = 0.1
"""Silence before and after the words: the files start and end alike, whatever espeak-ng leaves there."""
PAUSE_S = 0.35
DIGIT_WORDS_PER_MINUTE = 100
"""Slow enough for every digit to be more than half a second long, which is what it takes to recognise it."""


@dataclass(frozen=True, slots=True)
class Words:
    """What is said, by which of espeak-ng's voices, at how many words per minute."""

    voice: str
    text: str
    words_per_minute: int = 155


@dataclass(frozen=True, slots=True)
class Prompt:
    """One file. ``language`` is empty when it belongs to none."""

    file: str
    language: str
    parts: tuple[Words, ...]


def _spoken(language: str, name: str, voice: str, text: str, words_per_minute: int = 155) -> Prompt:
    return Prompt(f"{language}/{name}.wav", language, (Words(voice, text, words_per_minute),))


# Prompts of one language share as few words as their meaning allows: what two have in common cannot tell
# them apart.
SPOKEN: tuple[Prompt, ...] = (
    _spoken(
        "en", "greeting", "en-us+f2",
        "Thank you for calling Acme support. We will connect you with the next free agent.",
    ),
    _spoken("en", "greeting_short", "en-us+m7", "Good morning from Acme, one moment please."),
    _spoken(
        "en", "after_hours", "en-us+m3",
        "Our office is closed right now. Opening hours are nine to six, Monday through Friday.",
    ),
    _spoken(
        "en", "no_agent", "en-us+f4",
        "Nobody can take your call at the moment. Please leave a message after the tone.",
    ),
    _spoken(
        "en", "not_in_service", "en-us+m1",
        "The number you have dialled is not in service. Check it and try again.",
    ),
    _spoken("en", "busy", "en-us+f3", "All lines are occupied. Stay on hold, somebody answers soon."),
    _spoken("en", "voicemail_thanks", "en-us+m7", "Message saved. You will hear from us tomorrow. Goodbye."),
    _spoken(
        "es", "greeting", "es+f2",
        "Gracias por llamar a soporte de Acme. Le comunicamos con el primer agente libre.",
    ),
    _spoken(
        "es", "after_hours", "es-419+m3",
        "La oficina está cerrada. Nuestro horario es de nueve a seis, de lunes a viernes.",
    ),
    _spoken(
        "es", "no_agent", "es-419+f4",
        "Nadie puede atender su llamada en este momento. Deje un mensaje después del tono.",
    ),
    _spoken(
        "es", "not_in_service", "es+m1",
        "El número marcado no existe. Compruebe las cifras y vuelva a intentarlo.",
    ),
    _spoken("es", "busy", "es+f3", "Todas las líneas están ocupadas. Espere, por favor, enseguida hablamos."),
    _spoken(
        "es", "voicemail_thanks", "es-419+m7", "Recado guardado. Mañana tendrá noticias nuestras. Adiós."
    ),
    _spoken(
        "fr", "greeting", "fr+f2",
        "Merci d'appeler l'assistance Acme. Nous vous passons le premier conseiller disponible.",
    ),
    _spoken(
        "fr", "after_hours", "fr+m3",
        "Nos bureaux sont fermés. Ils ouvrent de neuf heures à dix-huit heures, du lundi au vendredi.",
    ),
    _spoken(
        "fr", "no_agent", "fr-be+f4",
        "Personne ne peut prendre votre appel pour l'instant. Laissez un message après le bip.",
    ),
    _spoken(
        "fr", "not_in_service", "fr+m1",
        "Ce numéro n'est pas attribué. Veuillez vérifier et recomposer.",
    ),
    _spoken(
        "fr", "busy", "fr-be+f3",
        "Toutes les lignes sont prises. Restez en attente, on vous répond bientôt.",
    ),
    _spoken(
        "fr", "voicemail_thanks", "fr-be+m7", "C'est enregistré. Vous aurez une réponse demain. Au revoir."
    ),
    _spoken(
        "en", "recording_notice", "en-us+f5",
        "This conversation gets recorded. Press nine if you do not agree.",
    ),
    _spoken(
        "es", "recording_notice", "es+f5",
        "Vamos a grabar la conversación. Si se opone, pulse el nueve.",
    ),
    _spoken(
        "fr", "recording_notice", "fr+f5",
        "Cet entretien sera enregistré. Si vous refusez, appuyez sur neuf.",
    ),
    _spoken("en", "order_number", "en-us+f2", "Key in your order number, followed by the pound sign."),
    *(
        Prompt(f"en/digit_{digit}.wav", "en", (Words("en-us+f2", word, DIGIT_WORDS_PER_MINUTE),))
        for digit, word in enumerate(
            ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
        )
    ),
    _spoken("en", "site_london", "en-gb+f4", "You have reached the London branch of Acme."),
    _spoken("es", "site_miami", "es-419+f2", "Bienvenidos, les atiende la sede de Miami."),
    Prompt(
        "language_menu.wav", "",
        (
            Words("en-us+f2", "For English, press one."),
            Words("es+f2", "Para español, marque dos."),
            Words("fr+f2", "Pour le français, tapez trois."),
        ),
    ),
    _spoken("en", "ivr_main", "en-us+f2", "Acme here. Sales one, help two, bills three.", 185),
    _spoken("en", "ivr_billing", "en-us+f2", "Invoices one, or payments two.", 165),
    _spoken("en", "ivr_invalid", "en-us+f5", "That key has no meaning right here.", 170),
    _spoken("en", "ivr_silence", "en-us+f5", "We have heard nothing from you so far.", 175),
    _spoken("en", "ivr_sales", "en-us+m1", "Who sells machines picks up shortly.", 185),
    _spoken("en", "ivr_support", "en-us+m3", "A technician will be with you very soon.", 175),
    _spoken("en", "ivr_invoices", "en-us+m4", "Our bookkeepers look into your invoice.", 175),
    _spoken("en", "ivr_payments", "en-us+m7", "The cashier takes over from this point.", 175),
    _spoken("en", "ivr_operator", "en-us+f4", "Here comes a real human being.", 165),
    _spoken("en", "ivr_after_hours", "en-us+m3", "Nobody works at this time of day.", 165),
    _spoken("en", "ivr_lunch", "en-us+f3", "We eat. Talk to the machine instead.", 185),
    _spoken("en", "ivr_holiday", "en-us+m1", "A public holiday. Enjoy it as we do.", 185),
    _spoken("es", "ivr_main", "es+f2", "Aquí Acme. Ventas uno, ayuda dos, cuentas tres.", 195),
    _spoken("es", "ivr_billing", "es+f2", "Para facturas uno, para cobros dos.", 170),
    _spoken("es", "ivr_invalid", "es+f5", "Esa tecla no sirve para nada aquí.", 175),
    _spoken("es", "ivr_silence", "es+f5", "Todavía no hemos oído nada de su parte.", 175),
    _spoken("es", "ivr_sales", "es+m1", "Un vendedor de máquinas le saluda ya.", 185),
    _spoken("es", "ivr_support", "es-419+m3", "La persona técnica estará con usted.", 185),
    _spoken("es", "ivr_invoices", "es+m4", "Nuestros contables miran ya su factura.", 175),
    _spoken("es", "ivr_payments", "es-419+m7", "El cajero se ocupa desde este momento.", 175),
    _spoken("es", "ivr_operator", "es-419+f4", "Ahora mismo viene un ser humano.", 175),
    _spoken("es", "ivr_after_hours", "es-419+m3", "A estas horas aquí no trabaja nadie.", 165),
    _spoken("es", "ivr_lunch", "es+f3", "Comemos. Hable mientras con la máquina.", 190),
    _spoken("es", "ivr_holiday", "es+m1", "Es día festivo. Disfrútelo como nosotros.", 190),
    _spoken("fr", "ivr_main", "fr+f2", "Ici Acme. Ventes un, aide deux, comptes trois.", 185),
    _spoken("fr", "ivr_billing", "fr+f2", "Pour factures un, pour paiements deux.", 165),
    _spoken("fr", "ivr_invalid", "fr+f5", "Désolé, cette touche n'a aucun sens ici.", 165),
    _spoken("fr", "ivr_silence", "fr+f5", "Nous n'avons encore rien entendu de vous.", 165),
    _spoken("fr", "ivr_sales", "fr+m1", "Un vendeur de machines vous salue bientôt.", 165),
    _spoken("fr", "ivr_support", "fr-be+m3", "Notre technicienne arrive dans très peu de temps.", 155),
    _spoken("fr", "ivr_invoices", "fr+m4", "Nos comptables regardent votre facture.", 185),
    _spoken("fr", "ivr_payments", "fr-be+m7", "La caissière prend la suite dès maintenant.", 165),
    _spoken("fr", "ivr_operator", "fr-be+f4", "Voici venir pour vous un être humain.", 170),
    _spoken("fr", "ivr_after_hours", "fr+m3", "À cette heure personne ne travaille plus.", 155),
    _spoken("fr", "ivr_lunch", "fr-be+f3", "Nous mangeons. Parlez donc à la machine.", 155),
    _spoken("fr", "ivr_holiday", "fr+m1", "C'est jour férié. Profitez-en comme nous.", 155),
    Prompt(
        "ivr_languages.wav", "",
        (
            Words("en-gb+f5", "English one.", 175),
            Words("es-419+f5", "Español dos.", 175),
            Words("fr-be+f5", "Français trois.", 175),
        ),
    ),
)  # fmt: skip

PEOPLE: dict[str, Words] = {
    "customer": Words(
        "en-gb+f5",
        "Hi there. The coffee machine that I bought last week leaks, and I would like to exchange it.",
    ),
    "agent": Words(
        "en-us+m6",
        "Good morning, my name is Alex. Could you read me the order number printed on your receipt?",
    ),
}
"""What phones may say in a call instead of a beacon; at a phone's own rate, as it is not sent by the PBX."""

MUSIC_TEXT = "hold music"
NOTE_S = 0.24
MELODY = (
    0, 4, 7, 12, 7, 4, 2, 5, 9, 14, 9, 5, -1, 2, 7, 11, 7, 2, 0, 4, 9, 12, 16, 12,
    5, 9, 12, 17, 12, 9, 7, 11, 14, 19, 14, 11, 4, 7, 12, 16, 12, 7, 0, -5, -8, -12, 0, 0,
    -3, 0, 4, 9, 4, 0, -7, -3, 0, 5, 0, -3, 2, 5, 9, 5, 2, -3, -5, -1, 2, 7, 2, -1,
    0, 7, 4, 12, 9, 16, 14, 11, 7, 2, 5, -1, 0, 4, -3, 9, 7, 5,
)  # fmt: skip
"""Semitones above the key note, one after the other; no stretch of it comes twice."""
KEY_HZ = 207.0
OVERTONES = (1.0, 0.45, 0.2)


def music() -> Samples:
    """A plucked melody. Every note glides and dies away, so that none of its tones stays at one frequency
    as a tone beacon does."""
    length = round(NOTE_S * RATE_HZ)
    t = np.arange(2 * length) / RATE_HZ
    melody = np.zeros(length * (len(MELODY) + 1))
    for position, semitones in enumerate(MELODY):
        start_hz = KEY_HZ * 2 ** (semitones / 12)
        # More than a semitone of slide in each note, in turn upwards and downwards.
        slide = 1.0 + (0.08 if position % 2 else -0.08) * t / t[-1]
        phase = 2 * np.pi * np.cumsum(start_hz * slide) / RATE_HZ
        pluck = np.minimum(t / 0.008, 1.0) * np.exp(-t * 7.0) * np.minimum((t[-1] - t) / 0.03, 1.0)
        note = sum(level * np.sin(n * phase) for n, level in enumerate(OVERTONES, start=1))
        melody[position * length : (position + 2) * length] += pluck * note
    return melody.astype(np.float32)


def speak(words: Words, rate_hz: int = RATE_HZ) -> Samples:
    """espeak-ng's rendering, without the silence around it."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "spoken.wav"
        speed = str(words.words_per_minute)
        command = ["espeak-ng", "-v", words.voice, "-s", speed, "-w", str(path), words.text]
        subprocess.run(command, check=True, capture_output=True)
        sound = read_recording(path)
    spoken = resample(sound.mono, sound.rate_hz, rate_hz)
    loud = np.flatnonzero(frame_levels(spoken, rate_hz, 0.01) > -45.0)
    step = rate_hz // 100
    return spoken[loud[0] * step : (loud[-1] + 1) * step]


def render(prompt: Prompt) -> Samples:
    """The prompt's samples at ``LEVEL_DBOV``."""
    edge, pause = (np.zeros(round(s * RATE_HZ), dtype=np.float32) for s in (EDGE_S, PAUSE_S))
    pieces = [edge]
    for number, words in enumerate(prompt.parts):
        pieces += [pause] if number else []
        pieces.append(to_level(speak(words), LEVEL_DBOV, RATE_HZ))
    return np.concatenate([*pieces, edge])


def manifest_entry(file: str, language: str, text: str) -> str:
    """What is known of one file, as TOML."""
    path = PROMPTS / file
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    fields = {
        "file": file,
        "language": language,
        "text": text,
        "sha256": digest,
        "seconds": round(read_reference(path).seconds, 3),
    }
    # A JSON string or number is a TOML one, too.
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in fields.items()]
    return "\n".join(["[[prompt]]", *lines])


def main() -> int:
    """Write all prompts with their manifest, and the speech."""
    if shutil.which("espeak-ng") is None:
        print("espeak-ng is missing: apt-get install espeak-ng", file=sys.stderr)
        return 2
    entries = []
    for prompt in SPOKEN:
        write_wav(PROMPTS / prompt.file, render(prompt), RATE_HZ)
        entries.append(manifest_entry(prompt.file, prompt.language, " ".join(p.text for p in prompt.parts)))
        print(prompt.file)
    write_wav(PROMPTS / "music.wav", to_level(music(), LEVEL_DBOV, RATE_HZ), RATE_HZ)
    entries.append(manifest_entry("music.wav", "", MUSIC_TEXT))
    print("music.wav")
    for person, words in PEOPLE.items():
        spoken = to_level(speak(words, SPEECH_RATE_HZ), LEVEL_DBOV, SPEECH_RATE_HZ)
        write_wav(SPEECH[person], spoken, SPEECH_RATE_HZ)
        print(f"{person}.wav")
    heading = "# Made by make_prompts.py. The prompts are recognised by their samples: play these very files."
    (PROMPTS / "manifest.toml").write_text("\n\n".join([heading, *entries]) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
