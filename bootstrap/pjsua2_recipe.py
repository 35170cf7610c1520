"""How pjsua2 is built: options, limits and packages. Any change here makes a new wheel."""

from __future__ import annotations

import os
import platform

from bootstrap import cache

# Debian's Asterisk source package carries pjproject as this component.
SOURCE_PACKAGE = "asterisk"
SOURCE_SUITE = "sid"
COMPONENT = "*.orig-Xpjproject.tar.xz"

TOOLS = ("gcc", "g++", "make", "swig", "xz-utils")
LIBRARIES = {
    "libopus-dev": "opus",
    "libsrtp2-dev": "srtp2",
    "libsamplerate0-dev": "samplerate",
    "libspeex-dev": "speex",
    "libspeexdsp-dev": "speexdsp",
    "libgsm1-dev": "gsm",
    "uuid-dev": "uuid",
    "libssl-dev": "ssl",
}

# Sizes are per process. Static tables: they cost address space, not time.
LIMITS = {
    "PJSUA_MAX_CALLS": 512,
    "PJSUA_MAX_ACC": 512,
    "PJSUA_MAX_PLAYERS": 1024,
    "PJSUA_MAX_RECORDERS": 1024,
    "PJSUA_MAX_CONF_PORTS": 4096,
    "PJSIP_MAX_TSX_COUNT": 4095,
    "PJSIP_MAX_DIALOG_COUNT": 2047,
    "PJ_IOQUEUE_MAX_HANDLES": 8192,
    "PJMEDIA_SRTP_HAS_DTLS": 1,
}

OPUS_RTCP_CLOCK_HZ = 48_000

# (file, what stands there, what shall stand there); the build stops when a place is not found.
PATCHES = (
    # pjsua keeps eight transports at most, and every simulated phone has one of its own.
    ("pjsip/include/pjsua-lib/pjsua_internal.h", "tpdata[8];", "tpdata[PJSUA_MAX_ACC];"),
    # RFC 7587 section 4.1: Opus's RTP clock is 48000 Hz at every sampling rate. pjmedia counts jitter by the
    # sampling rate, so what it reports would be off by their ratio.
    (
        "pjmedia/src/pjmedia/stream.c",
        "        rtcp_setting.samples_per_frame = PJMEDIA_AFD_SPF(afd);\n",
        "        rtcp_setting.samples_per_frame = PJMEDIA_AFD_SPF(afd);\n"
        '        if (!pj_stricmp2(&info->fmt.encoding_name, "opus")) {\n'
        f"            rtcp_setting.clock_rate = {OPUS_RTCP_CLOCK_HZ};\n"
        "            rtcp_setting.samples_per_frame =\n"
        f"                PJMEDIA_AFD_SPF(afd) * {OPUS_RTCP_CLOCK_HZ} / info->fmt.clock_rate;\n"
        "        }\n",
    ),
    # After the handshake pjmedia waits for its DTLS clock, which ticks four times a second, before it takes the keys:
    # a quarter of a second of what the far end says would be lost in the phone. OpenSSL decides what a tick repeats.
    (
        "pjmedia/src/pjmedia/transport_srtp_dtls.c",
        "pjmedia_clock_create(ds->pool, 4, 1, 1,",
        "pjmedia_clock_create(ds->pool, 100, 1, 1,",
    ),
)

CONFIGURE = (
    # The select() queue asserts above 1024 sockets; epoll does not.
    "--enable-epoll",
    "--disable-sound",
    "--disable-video",
    "--disable-sdl",
    "--disable-ffmpeg",
    "--disable-v4l2",
    "--disable-openh264",
    "--disable-vpx",
    "--disable-libyuv",
    "--disable-libwebrtc",
    "--disable-upnp",
    "--with-external-srtp",
    "--with-external-speex",
    "--with-external-gsm",
    "--enable-libsamplerate",
    "--disable-ilbc-codec",
    "--disable-g7221-codec",
    "--disable-resample",
)
# Position-independent, because the static libraries end up in one Python module. NDEBUG turns failed
# assertions, which would end the process, into error returns.
LIBRARY_FLAGS = "-O2 -g0 -w -fPIC -DNDEBUG"
# The generated wrapper only passes arguments on: -O1 compiles in a third of the time of -O2.
WRAPPER_FLAGS = "-O1 -g0 -w -fPIC -DNDEBUG"


def config_site() -> str:
    """The text of pjproject's ``config_site.h``."""
    return "".join(f"#define {name} {value}\n" for name, value in LIMITS.items())


def recipe() -> str:
    """Changes whenever the built wheel would differ, except for the version of pjproject."""
    try:
        system = platform.freedesktop_os_release()
    except OSError:
        system = {}
    return cache.recipe_hash(
        {
            "configure": CONFIGURE,
            "flags": [LIBRARY_FLAGS, WRAPPER_FLAGS],
            "libraries": LIBRARIES,
            "limits": LIMITS,
            "patches": PATCHES,
            # The module links against this release's shared libraries.
            "system": [system.get("ID", ""), system.get("VERSION_ID", ""), os.uname().machine],
        }
    )
