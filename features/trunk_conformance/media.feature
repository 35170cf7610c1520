@trunk_conformance
Feature: Media at the trunk
  Meta's relay takes one stream from one source, which the business begins. It gives up calls without media, and what
  comes before the answer counts as the answer.

  @req.T39
  Scenario: The PBX sends the first packet
    Given the support line is open with 1 agent ready
    And a customer
    And the customer's side sends nothing before the business has sent
    When the customer calls the support number
    Then the call is answered
    And the PBX has sent first
    And an agent's phone rings
    When the agent answers
    Then the customer and the agent hear each other

  @req.T38 @req.T41 @req.T47
  Scenario: One source of sound, from the answer on
    Given the support line is open with 1 agent ready
    And a customer
    And the trunk sees the packets of the customer's calls
    When the customer calls the support number
    Then the call is answered
    And no sound came before the answer
    And an agent's phone rings
    When the agent answers
    Then the customer and the agent hear each other
    When the agent puts the call on hold
    Then the customer does not hear the agent
    When the agent takes the call back
    Then the customer and the agent hear each other
    And the sound of the PBX came from one source at a time

  @req.T38
  Scenario: The source of sound never changes
    Given the support line is open with 1 agent ready
    And a customer
    And the trunk sees the packets of the customer's calls
    When the customer calls the support number
    Then an agent's phone rings
    When the agent answers
    Then the customer and the agent hear each other
    And all sound of the PBX came from one source

  @req.T40 @req.T45 @req.T46
  Scenario: A call on hold does not fall silent
    Given the support line is open with 1 agent ready
    And a customer
    And the customer's app soon gives up a call without media
    When the customer calls the direct number
    Then an agent's phone rings
    When the agent answers
    Then the customer and the agent hear each other
    When the agent puts the call on hold
    Then the call stays up
    When the agent takes the call back
    Then the customer and the agent hear each other
    And the PBX has kept the trunk's rules

  @req.T40
  Scenario: A call that waits does not fall silent
    Given the support line is open with 1 agent ready
    And a customer
    And the customer's app soon gives up a call without media
    When the customer calls the direct number
    Then an agent's phone rings
    And the call stays up

  @req.T40
  Scenario: RTCP alone keeps a call
    Given the support line is open with 1 agent ready
    And a customer
    And of the PBX's media only RTCP arrives, and the app soon gives up a call without media
    When the customer calls the direct number
    Then the call is answered
    And the call stays up

  @req.T43
  Scenario: The PBX keeps to the first of several keys
    Given the trunk's keys are in the SDP
    And the trunk offers further keys
    And the support line is open with 1 agent ready
    And a customer
    When the customer calls the support number
    Then the call is answered
    And the PBX's answer is encrypted as offered
    And the customer hears the whole greeting in English

  @req.T43
  Scenario: The PBX refuses SRTP without a key
    Given the trunk's keys are in the SDP
    And the trunk offers SRTP without a key
    And the support line is open with 1 agent ready
    And a customer
    When the customer calls the support number
    Then the PBX refuses the call for want of a key

  @claims.calls_customers @req.T42
  Scenario: The PBX bears what it has not offered
    Given the trunk's media are encrypted
    And the support line is open with 1 agent ready
    And a customer who has allowed calls
    When the agent calls the customer
    Then the customer's phone rings
    When the customer answers
    Then the customer and the agent hear each other
    And the trunk's answer had lines that the PBX had not offered

  @claims.calls_customers @claims.digits_read_back
  @req.T44
  Scenario: The PBX's own offer has key presses at 8000 Hz
    Given the support line is open with 1 agent ready
    And a customer who has allowed calls
    When the agent calls the customer
    Then the customer's phone rings
    When the customer answers
    Then the customer and the agent hear each other
    And the PBX has offered key presses at 8000 Hz
