@ivr_front_door
Feature: IVR front door: DTMF details
  Customers press keys in the WhatsApp app. They come as RFC 4733 events of payload type 126 at 8000 Hz beside Opus at
  48 kHz, over a network that loses and repeats packets. Each press counts once, whatever became of its packets. What
  the PBX understood is what it reads back. (Vendor's calling scenario 4.)

  @claims.digits_read_back @claims.opus
  @req.T44 @req.RFC4733-2.5.1.1
  Scenario: Keys come as payload type 126 at 8000 Hz beside 48 kHz Opus
    Given the support line is open with 1 agent ready
    And a customer whose app offers only Opus
    When the customer calls the order line
    Then the PBX takes key presses as payload type 126 at 8000 Hz
    And the customer is asked for the order number
    When the customer presses 1122#
    Then the PBX has understood 1122

  @claims.digits_read_back @long
  @req.T44
  Scenario Outline: A key counts once when its end reaches the PBX <ends>
    Given the support line is open with 1 agent ready
    And a customer
    And the end of each key press reaches the PBX <ends>
    When the customer calls the order line
    Then the customer is asked for the order number
    When the customer keys in <keys>#, each key held for 160 ms and 500 ms apart
    Then the PBX has understood <keys>

    @req.RFC4733-2.5.2.2
    Examples: the end is lost
      | ends  | keys |
      | never | 1123 |

    @req.RFC4733-2.5.1.4 @req.RFC4733-2.5.1.2
    Examples: the end comes, again and again
      | ends        | keys |
      | once        | 1122 |
      | three times | 1122 |
      | six times   | 1122 |

  @claims.language_menu @long
  @req.RFC4733-2.5.2.2
  Scenario: A key whose end is lost still chooses the language
    Given the support line is open with 1 agent ready
    And a customer in Brazil
    And the end of each key press reaches the PBX never
    When the customer calls the language menu
    Then the customer hears the language menu
    When the customer presses 2
    Then the customer hears the whole greeting in Spanish
    And the ends of the key presses were lost on the way

  @claims.digits_read_back @long
  @req.RFC4733-2.5.1.3
  Scenario: Keys that are held long count once
    Given the support line is open with 1 agent ready
    And a customer
    When the customer calls the order line
    Then the customer is asked for the order number
    When the customer keys in 744#, each key held for 2000 ms and 300 ms apart
    Then the PBX has understood 744

  @claims.digits_read_back @long
  @req.T44 @req.RFC4733-2.5.1.1 @req.RFC4733-2.5.1.4 @req.RFC4733-2.5.1.2
  Scenario: Keys that are pressed fast all count, and none twice
    Given the support line is open with 1 agent ready
    And a customer
    When the customer calls the order line
    Then the customer is asked for the order number
    When the customer keys in 55012689#, each key held for 50 ms and 50 ms apart
    Then the PBX has understood 55012689
