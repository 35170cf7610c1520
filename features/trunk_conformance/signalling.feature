@trunk_conformance
Feature: Signalling at the trunk
  What Meta's pages, and those who have run a PBX at Meta, say about SIP at its trunk beside the call itself: digest both
  ways, who may call, odd but correct messages, and calls that end in unusual ways.

  Rule: The PBX proves itself to the trunk

    @claims.calls_customers @req.T05 @req.T06 @req.T07 @req.T08 @req.T09 @req.T12 @req.T52
    Scenario Outline: The PBX answers the trunk's challenge by <algorithms>
      Given the trunk offers digest by <algorithms>
      And the support line is open with 1 agent ready
      And a customer who has allowed calls
      When the agent calls the customer
      Then the PBX has proven itself as it was asked to
      And the customer's phone rings
      When the agent hangs up
      Then the customer's phone stops ringing

      Examples:
        | algorithms      |
        | MD5             |
        | SHA-256 and MD5 |

    @claims.calls_customers @req.RFC8760-2.4-a
    Scenario Outline: Of challenges by <algorithms> the PBX answers the first that it knows
      Given the trunk offers digest by <algorithms>
      And the support line is open with 1 agent ready
      And a customer who has allowed calls
      When the agent calls the customer
      Then the customer's phone rings
      When the agent hangs up
      Then the customer's phone stops ringing
      And the PBX has answered the first challenge that it knows

      Examples:
        | algorithms      |
        | SHA-256 and MD5 |
        | MD5 and SHA-256 |

    @claims.calls_customers @req.RFC8760-2.4-b
    Scenario: The PBX passes over a challenge that it does not know
      Given the trunk offers digest by an unknown algorithm and MD5
      And the support line is open with 1 agent ready
      And a customer who has allowed calls
      When the agent calls the customer
      Then the PBX has proven itself as it was asked to
      And the customer's phone rings

    @claims.calls_customers @req.RFC8760-2.2
    Scenario: The PBX proves itself by SHA-256
      Given the trunk offers digest by SHA-256
      And the support line is open with 1 agent ready
      And a customer who has allowed calls
      When the agent calls the customer
      Then the PBX has proven itself by the one algorithm that was offered
      And the customer's phone rings

    @claims.calls_customers @req.RFC3261-22.3
    Scenario Outline: Credentials that got <code> are not sent again
      Given the trunk refuses credentials with <code>
      And the support line is open with 1 agent ready
      And a customer who has allowed calls
      When the agent calls the customer
      Then the agent's call has failed
      And the PBX does not send the refused credentials again

      Examples:
        | code |
        | 403  |
        | 407  |

    @claims.calls_customers @req.T11
    Scenario: The PBX calls from a number that WhatsApp knows
      Given the support line is open with 1 agent ready
      And a customer who has allowed calls
      When the agent calls the customer
      Then the customer's phone rings
      And the customer sees the number of the business

    @req.T13
    Scenario: The PBX does not register at the trunk
      Given the support line is open with 1 agent ready
      And a customer
      When the customer calls the support number
      Then the call is answered
      And the PBX never registers at the trunk

  Rule: The trunk proves itself to the PBX

    @claims.challenges_trunk @req.T22 @req.T23 @req.T52
    Scenario: The PBX takes the credentials of the called business number
      Given the support line is open with 1 agent ready
      And a customer
      When the customer calls the support number
      Then the call is answered
      And the PBX has asked for the business number's credentials and taken them
      And the PBX has kept the trunk's rules

    @req.T24 @req.T25
    Scenario: The PBX knows the trunk by more than a header
      Given the support line is open with 1 agent ready
      And a customer
      Then a call from an address that is not the trunk's is not taken, whatever its headers
      And no agent's phone rings
      When the customer calls the support number
      Then the call is answered

    @req.T61
    Scenario: Calls come from every address of the trunk
      Given the support line is open with 1 agent ready
      And a customer
      Then a call from each further address of the trunk is taken

  Rule: Odd but correct calls

    @req.T26
    Scenario: A customer without a number reaches an agent
      Given the trunk shows an id in place of the customer's number
      And the support line is open with 1 agent ready
      And a customer in Ireland whose WhatsApp name is "Siobhán O'Neill ☎"
      When the customer calls the direct number
      Then the call is answered
      And an agent's phone rings
      And the agent sees the customer's name
      When the agent answers
      Then the customer and the agent hear each other

    Scenario Outline: A call comes in when the trunk <variant>
      Given the trunk <variant>
      And the support line is open with 1 agent ready
      And a customer
      When the customer calls the direct number
      Then the call is answered
      And an agent's phone rings
      And the PBX has kept the trunk's rules

      @req.T27
      Examples: parameters in the user part
        | variant                                                    |
        | puts parameters behind the called number                   |
        | puts parameters behind the called number without its plus  |

      @req.T21
      Examples: routes
        | variant                          |
        | leaves a stray Route in its INVITE |

      @req.T28
      Examples: spellings
        | variant                             |
        | spells its headers in all known ways |

      @req.T56
      Examples: size
        | variant                                        |
        | sends sixty further headers and a long Call-ID |

  Rule: The end of calls

    @req.T49
    Scenario: The PBX ends a call over a connection of its own
      Given the support line is open with 1 agent ready
      And a customer
      When the customer calls the direct number
      Then an agent's phone rings
      When the agent answers
      Then the customer and the agent hear each other
      When the trunk closes its connections
      And the agent hangs up
      Then both sides of the call have ended
      And the PBX's BYE came over a connection of its own

    @req.T50
    Scenario: Both sides hang up at once, and everything comes twice
      Given the trunk sends each INVITE and BYE twice
      And the support line is open with 1 agent ready
      And a customer
      When the customer calls the direct number
      Then an agent's phone rings
      When the agent answers
      Then the customer and the agent hear each other
      And each call came to one phone
      When the customer and the agent hang up at once
      Then both sides of the call have ended
      And nothing of the call is left on the PBX
      And the PBX has kept the trunk's rules
