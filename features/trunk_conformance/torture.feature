@trunk_conformance
Feature: SIP torture messages
  RFC 4475 has 49 messages that are valid in odd ways, or broken. They come from the trunk's own address. A PBX may refuse
  any of them (nobody there has a number on it), but must not fall silent, accept what is broken, or come to harm.

  @req.RFC4475-<message>
  Scenario Outline: RFC 4475 <message>: <subject>
    When the trunk sends the torture message <message>
    Then the PBX takes no harm from it
    And the PBX answers it as RFC 4475 expects

    Examples: well-formed requests, to be understood whatever they ask for
      | message    | subject                                                  |
      | wsinv      | a short tortuous INVITE                                  |
      | esc01      | valid use of the % escaping mechanism                    |
      | escnull    | escaped nulls in URIs                                    |
      | lwsdisp    | no white space between display name and <                |
      | longreq    | long values in header fields                             |
      | dblreq     | octets behind the message in the same datagram           |
      | semiuri    | semicolon-separated parameters in the user part of a URI |
      | transports | varied and unknown transports in Vias                    |
      | mpart01    | a multipart body with binary parts                       |
      | regaut01   | an unknown scheme of authorization                       |
      | zeromf     | Max-Forwards of zero                                     |
      | cparam01   | REGISTER with a parameter of the contact                 |
      | cparam02   | REGISTER with a parameter of the contact's URI           |
      | regescrt   | REGISTER with an escaped header in the contact's URI     |
      | inv2543    | an INVITE as RFC 2543 wrote it                           |

    Examples: well-formed requests for what the PBX does not have
      | message | subject                                                          |
      | intmeth | a wide range of valid characters, and a method that nobody knows |
      | esc02   | use of % when it is not an escape                                |
      | badvers | an unknown protocol version                                      |
      | unkscm  | a Request-URI of an unknown scheme                               |
      | novelsc | a Request-URI of a known scheme that is not SIP's                |
      | unksm2  | unknown schemes in To and Contact                                |
      | bext01  | Require and Proxy-Require of what nobody supports                |
      | invut   | a body of an unknown type                                        |
      | sdp01   | an INVITE that accepts no SDP in the answer                      |

    Examples: flawed requests that may be forgiven
      | message   | subject                                             |
      | ltgtruri  | <> around the Request-URI                           |
      | lwsstart  | several spaces in the request line                  |
      | trws      | spaces at the end of the request line               |
      | escruri   | escaped headers in the Request-URI                  |
      | baddate   | a time zone other than GMT in Date                  |
      | badaspec  | spaces within an addr-spec                          |
      | baddn     | a display name of other characters than tokens have |
      | badbranch | a branch that is nothing but the magic cookie       |

    Examples: broken requests, to be refused
      | message    | subject                                                           |
      | badinv01   | extraneous header field separators                                |
      | clerr      | a Content-Length larger than the message                          |
      | ncl        | a negative Content-Length                                         |
      | scalar02   | a request with scalars out of range                               |
      | quotbal    | an unterminated quoted string in a display name                   |
      | lwsruri    | white space within the Request-URI                                |
      | regbadct   | a Contact with headers and no <> around its URI                   |
      | mismatch01 | CSeq names another method than the request line                   |
      | mismatch02 | CSeq names another method than the request line, which is unknown |
      | insuf      | From, To, Call-ID and Max-Forwards are missing                    |
      | multi01    | several values where one must be                                  |
      | mcl01      | two Content-Lengths that differ                                   |

    Examples: responses to nothing, to be ignored
      | message  | subject                                        |
      | unreason | an unusual reason phrase                       |
      | noreason | an empty reason phrase                         |
      | scalarlg | a response with scalars out of range           |
      | bigcode  | a status code that does not exist              |
      | bcast    | a response whose Via has the broadcast address |
