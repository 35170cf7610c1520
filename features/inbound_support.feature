@inbound_support
Feature: Customer support inbound calling
  A customer taps the call icon in WhatsApp. The call comes over the 8x8 trunk to the PBX, which greets the
  customer, queues the call and connects it to an agent. (Vendor's calling scenario 1, user-initiated.)

  @smoke
  @req.T36 @req.T37 @req.T41 @req.T63 @req.RFC3261-8.2.6.2-b @req.RFC3261-11.2 @req.RFC3261-15.1.2 @req.RFC3264-6 @req.RFC3264-6.1-b @req.RFC3264-6.1-d @req.RFC3264-7 @req.RFC4028-9
  Scenario: A customer reaches an agent and they hear each other
    Given the support line is open with 1 agent ready
    And a customer
    When the customer calls the support number
    Then the call is answered
    And an agent's phone rings
    When the agent answers
    Then the customer and the agent hear each other
    When the customer hangs up
    Then both sides of the call have ended
    And nothing of the call is left on the PBX
    And the call never touched the PSTN

  @claims.greeting @claims.language_by_caller
  Scenario Outline: The greeting is heard, whole, in the caller's language
    Given the support line is open with 1 agent ready
    And a customer in <country>
    When the customer calls the support number
    Then the call is answered
    And the customer hears the whole greeting in <language>

    Examples:
      | country        | language |
      | United Kingdom | English  |
      | Spain          | Spanish  |
      | France         | French   |
      | Mexico         | Spanish  |
      | Brazil         | English  |

  @claims.queue_music @claims.busy_announcement @long
  Scenario: The call waits in the queue with music until an agent is free
    Given the support line is open with 1 agent ready
    And the agent is talking with another customer
    And a customer
    When the customer calls the support number
    Then the call is answered
    And the customer hears the busy announcement in English
    And the customer hears the queue music
    And the customer waits in the queue
    When the agent hangs up on the other customer
    Then an agent's phone rings
    When the agent answers
    Then the customer and the agent hear each other

  Scenario Outline: The agent sees the customer's number and name
    Given the support line is open with 1 agent ready
    And a customer in <country> whose WhatsApp name is "<name>"
    When the customer calls the support number
    Then an agent's phone rings
    And the agent sees the customer's number
    And the agent sees the customer's name

    Examples:
      | country | name             |
      | Ireland | Siobhán O'Neill  |
      | Egypt   | ليلى حسن         |
      | India   | प्रिया शर्मा 🌸   |
      | Japan   | 佐藤 花子         |

  @req.RFC3261-12.1.1-b @req.RFC3261-15.1.2
  Scenario: The customer hangs up first and both legs end
    Given a customer in conversation with an agent
    When the customer hangs up
    Then both sides of the call have ended
    And nothing of the call is left on the PBX

  @req.RFC3261-15.1.1
  Scenario: The agent hangs up first and both legs end
    Given a customer in conversation with an agent
    When the agent hangs up
    Then both sides of the call have ended
    And nothing of the call is left on the PBX

  @req.RFC3261-9.2 @req.RFC3261-13.3.1.1
  Scenario: The customer gives up while it is ringing
    Given the support line is open with 1 agent ready
    And a customer
    When the customer calls the support number
    Then the customer hears it ring
    When the customer hangs up
    Then the customer's call ends with 487
    And the queue is empty
    And nothing of the call is left on the PBX

  @req.RFC3261-9.2
  Scenario: The customer gives up while the agent's phone rings
    Given the support line is open with 1 agent ready
    And a customer
    When the customer calls the support number
    Then an agent's phone rings
    When the customer hangs up
    Then the agent's phone stops ringing
    And the queue is empty
    And nothing of the call is left on the PBX

  @claims.queue_music @claims.busy_announcement @long
  Scenario: All agents are busy and the customer gives up waiting
    Given the support line is open with 2 agents ready
    And both agents are talking with other customers
    And a customer
    When the customer calls the support number
    Then the customer hears the busy announcement in English
    And the customer hears the queue music
    And no agent's phone rings
    When the customer hangs up
    Then the queue is empty
    And nothing of the customer's call is left on the PBX

  Scenario: An agent declines and the next one rings
    Given the support line is open with 2 agents ready
    And a customer
    When the customer calls the support number
    Then an agent's phone rings
    When the agent declines
    Then another agent's phone rings
    When the second agent answers
    Then the customer and the second agent hear each other

  Scenario: An agent does not answer and the next one rings
    Given the support line is open with 2 agents ready
    And a customer
    When the customer calls the support number
    Then an agent's phone rings
    And another agent's phone rings after the first stopped
    When the second agent answers
    Then the customer and the second agent hear each other

  @claims.after_hours @claims.voicemail
  Scenario: After hours the customer hears so and can leave a message
    Given the closed desk is closed now with 1 agent ready
    And a customer in Spain
    When the customer calls the closed desk
    Then the call is answered
    And the customer hears the after-hours announcement in Spanish
    When the customer leaves a message
    Then the PBX keeps the customer's message
    And no agent's phone rings

  @claims.voicemail @long
  Scenario: No agent is there and the customer can leave a message
    Given the support line is open and no agent is logged in
    And a customer in France
    When the customer calls the support number
    Then the customer hears the no-agent announcement in French
    When the customer leaves a message
    Then the PBX keeps the customer's message

  @claims.unknown_number_announcement
  Scenario: An unknown number is dialled
    Given a customer
    When the customer calls a number that nobody has
    Then the customer hears the not-in-service announcement in English
    And the PBX ends the call

  @claims.language_menu @long
  Scenario: The customer chooses a language in the menu
    Given the support line is open with 1 agent ready
    And a customer in Brazil
    When the customer calls the language menu
    Then the customer hears the language menu
    When the customer presses 2
    Then the customer hears the whole greeting in Spanish
    And an agent's phone rings

  @req.T59 @req.RFC3264-6.1-a @req.RFC3264-6.1-c
  Scenario Outline: A customer whose app offers only <codec> is served
    Given the support line is open with 1 agent ready
    And a customer whose app offers only <codec>
    When the customer calls the support number
    Then the call is answered
    And the call uses <codec>
    And an agent's phone rings
    When the agent answers
    Then the customer and the agent hear each other

    @claims.opus
    Examples: wideband of WhatsApp
      | codec |
      | Opus  |

    @claims.pcmu
    Examples: G.711 mu-law
      | codec |
      | PCMU  |

    @claims.pcma
    Examples: G.711 A-law
      | codec |
      | PCMA  |

    @claims.g722
    Examples: wideband of desk phones
      | codec |
      | G722  |

  @req.T45 @req.RFC3261-14.1
  Scenario: The agent puts the customer on hold and comes back
    Given a customer in conversation with an agent
    When the agent puts the call on hold
    Then the customer does not hear the agent
    When the agent takes the call back
    Then the customer and the agent hear each other

  @req.T45 @req.RFC3261-14.1
  Scenario: The agent transfers the customer to a colleague
    Given a customer in conversation with an agent and a colleague ready
    When the agent transfers the call to the colleague
    Then another agent's phone rings
    When the second agent answers
    Then the customer and the second agent hear each other
    And the first agent is out of the call

  Scenario: Ten customers at once are all served and none hears another's call
    Given the support line is open with 10 agents ready
    And 10 customers
    When all customers call the support number
    Then every customer reaches an agent of their own
    And all of them hear each other and nobody else
    When all customers hang up
    Then nothing of the calls is left on the PBX
    And the calls never touched the PSTN
