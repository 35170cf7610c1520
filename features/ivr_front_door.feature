@ivr @claims.ivr
Feature: IVR front door
  Callers choose by keypad where their call goes: departments, languages, a person. What each key does is declared in
  the target's map; prompts and announcements are recognised by ear. (Calling scenario 4.)

  @each.ivr_path
  Scenario Outline: The way <way> leads to <department>
    Given the front door is open with 1 agent ready in <department>
    And a customer
    When the customer calls the front door
    And the customer goes the way <way>
    Then the customer is put through to <department> in <language>
    And a phone of <department> rings

    Examples: every way of the target's map
      | way | department | language |

  @smoke
  Scenario: A caller chooses sales and talks with an agent there
    Given the front door is open with 2 agents ready in sales
    And a customer
    When the customer calls the front door
    Then the call is answered
    And the customer hears the whole main menu in English
    When the customer presses 1
    Then the customer is put through to sales in English
    And a phone of sales rings
    When the agent answers
    Then the customer and the agent hear each other
    When the customer hangs up
    Then both sides of the call have ended
    And nothing of the call is left on the PBX
    And the call never touched the PSTN

  Scenario: A key interrupts the menu
    Given the front door is open
    And a customer
    When the customer calls the front door
    Then the customer hears the main menu begin in English
    When the customer interrupts with 2
    Then the menu stops at once for the customer
    And the customer is put through to support in English

  Scenario: Keys pressed as fast as can be are all taken
    Given the front door is open
    And a customer
    When the customer calls the front door
    Then the customer hears the main menu begin in English
    When the customer quickly presses 31
    Then the customer is put through to invoices in English

  @long
  Scenario: A caller who thinks long before the second key is asked again and still gets through
    Given the front door is open
    And a customer
    When the customer calls the front door
    Then the customer hears the main menu begin in English
    When the customer presses 3
    Then the customer hears the whole billing menu in English
    And the customer hears the whole billing menu in English
    When the customer presses 2
    Then the customer is put through to payments in English

  Scenario: A key held down for 2 seconds counts once
    Given the front door is open
    And a customer
    When the customer calls the front door
    Then the customer hears the main menu begin in English
    When the customer holds 3 down for 2 seconds
    Then the key counts once and the customer hears the whole billing menu in English

  Scenario: A key pressed before the answer does no harm
    Given the front door is open
    And a customer
    When the customer calls the front door
    And before the answer, the customer presses 1
    Then the call is answered
    And the customer hears the whole main menu in English
    When the customer presses 2
    Then the customer is put through to support in English

  Scenario: After a wrong key the menu is played again
    Given the front door is open
    And a customer
    When the customer calls the front door
    Then the customer hears the main menu begin in English
    When the customer mistakes a key
    Then the customer hears that the key means nothing, in English
    And the customer hears the main menu begin in English
    When the customer presses 1
    Then the customer is put through to sales in English

  Scenario: A caller who wants a person presses 0
    Given the front door is open with 1 agent ready in operator
    And a customer
    When the customer calls the front door
    And the customer asks for a person
    Then the customer reaches a person
    When the agent answers
    Then the customer and the agent hear each other

  @long
  Scenario Outline: The language that was chosen is spoken from then on: <language>
    Given the front door is open
    And a customer in <country>
    When the customer calls the front door
    And the customer switches to <language>
    Then the customer hears the main menu begin in <language>
    When the customer chooses invoices
    Then the customer is put through to invoices in <language>
    And the customer hears the no-agent announcement in <language>

    Examples:
      | country | language |
      | Germany | French   |
      | Spain   | English  |

  @claims.language_by_caller
  Scenario: The front door speaks the caller's language from the start
    Given the front door is open
    And a customer in France
    When the customer calls the front door
    Then the customer hears the whole main menu in French

  Scenario: Forty callers at once each get their own way
    Given the front door is open
    And 40 customers with different codecs
    When all customers call the front door and go ways of their own
    Then each hears their own department's announcement
    When all customers hang up
    Then nobody has heard another department's announcement
    And nothing of the calls is left on the PBX

  @own_pbx @claims.voicemail
  Scenario: After hours a message can be left
    Given it is 2026-03-10 18:00 at the PBX
    And a customer in Spain
    When the customer calls the front door
    Then the call is answered
    And the customer hears the front door's after hours announcement
    When the customer leaves a message
    Then the PBX keeps the customer's message

  @own_pbx
  Scenario: It opens and closes to the minute
    Given a customer
    Then callers at these times hear
      | 2026-03-10 07:59 | after hours |
      | 2026-03-10 08:00 | the menu    |
      | 2026-03-10 17:59 | the menu    |
      | 2026-03-10 18:00 | after hours |
      | 2026-03-14 13:59 | the menu    |
      | 2026-03-14 14:00 | after hours |

  @own_pbx
  Scenario: The lunch break begins and ends to the minute
    Given a customer
    Then callers at these times hear
      | 2026-03-10 12:59 | the menu |
      | 2026-03-10 13:00 | lunch    |
      | 2026-03-10 13:29 | lunch    |
      | 2026-03-10 13:30 | the menu |

  @own_pbx
  Scenario: A holiday lasts from midnight to midnight
    Given a customer
    Then callers at these times hear
      | 2026-04-02 23:59 | after hours |
      | 2026-04-03 00:00 | holiday     |
      | 2026-04-03 23:59 | holiday     |
      | 2026-04-04 00:00 | after hours |

  @own_pbx
  Scenario Outline: Hours follow the clocks: <change>
    Given a customer
    Then callers at these times hear
      | <friday> 08:00 | the menu    |
      | <monday> 07:59 | after hours |
      | <monday> 08:00 | the menu    |

    Examples: Europe/London
      | change                  | friday     | monday     |
      | summer time begins      | 2026-03-27 | 2026-03-30 |
      | summer time ends        | 2026-10-23 | 2026-10-26 |
