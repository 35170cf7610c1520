@recording_quality @claims.recording
Feature: Recording and quality monitoring
  Calls to some numbers are recorded. The recording is fetched as the target declares and judged by ear.
  (Vendor's calling scenario 6.)

  @smoke
  Scenario: Both parties are in the recording from the first second to the last, each on a channel of their own
    Given the support line is open with 1 agent ready
    And a customer
    When the customer calls the recorded number
    Then the call is answered
    And an agent's phone rings
    When the agent answers
    And the customer and the agent talk
    And the customer hangs up
    Then both sides of the call have ended
    And there is a recording of the call
    And both are in the recording from the first second to the last
    And each is on their own channel of the recording and nowhere else

  @claims.recording_consent
  Scenario Outline: The customer is told, in their language, before anything is recorded
    Given the support line is open with 1 agent ready
    And a customer in <country>
    When the customer calls the recorded number
    Then the call is answered
    And the customer hears the recording notice in <language>
    And an agent's phone rings
    When the agent answers
    And the customer and the agent talk
    And the customer hangs up
    Then both sides of the call have ended
    And there is a recording of the call
    And nothing is recorded before the end of the notice in <language>

    Examples:
      | country        | language |
      | United Kingdom | English  |
      | Spain          | Spanish  |
      | France         | French   |

  @claims.recording_consent
  Scenario: A customer who refuses is not recorded
    Given the support line is open with 1 agent ready
    And a customer
    When the customer calls the recorded number
    Then the call is answered
    And the customer hears the recording notice in English
    When the customer refuses to be recorded
    Then an agent's phone rings
    When the agent answers
    Then the customer and the agent hear each other
    When the customer hangs up
    Then both sides of the call have ended
    And there is no recording of the call

  Scenario: A call to a number without recording is not recorded
    Given a customer in conversation with an agent
    When the customer hangs up
    Then both sides of the call have ended
    And there is no recording of the call

  Scenario: A call that no agent took leaves no recording
    Given the support line is open with 1 agent ready
    And a customer
    When the customer calls the recorded number
    Then the call is answered
    And an agent's phone rings
    When the customer hangs up
    Then the agent's phone stops ringing
    And there is no recording of the call

  Scenario: What is known of the recording is what the trunk saw
    Given a recorded conversation that is over
    Then there is a recording of the call
    And what is known of the recording is what the trunk saw

  @claims.context_routing
  Scenario: A call that a link brings straight to an agent is recorded as well
    Given the support line is open with 2 agents ready
    And a customer who chats with the second agent
    When the customer taps a link to call the second agent on the recorded number
    Then the call is answered
    And the second agent's phone rings
    When the second agent answers
    And the customer and the second agent talk
    And the customer hangs up
    Then both sides of the call have ended
    And there is a recording of the call
    And both are in the recording from the first second to the last
    And what is known of the recording is what the trunk saw

  Scenario: The recording is for nobody who does not show the token
    Given a recorded conversation that is over
    Then there is a recording of the call
    And nobody can read the recording without the token

  @own_pbx @claims.recording_retention
  Scenario: The recording is deleted when its time is over, and not before
    Given a recorded conversation that is over
    Then there is a recording of the call
    When the recording has a day left
    Then the recording is still there
    When the recording's time is over
    Then the recording is gone

  @long
  Scenario: After hold and transfer everybody is on their own channel still
    Given the support line is open with 2 agents ready
    And a customer
    When the customer calls the recorded number
    Then an agent's phone rings
    When the agent answers
    And the customer and the agent talk
    And the agent puts the call on hold
    Then the customer does not hear the agent
    When the agent takes the call back
    Then the customer and the agent hear each other
    When the agent transfers the call to the colleague
    Then another agent's phone rings
    When the second agent answers
    Then the customer and the second agent hear each other
    When the customer hangs up
    Then both sides of the call have ended
    And there is a recording of the call
    And each is on their own channel of the recording and nowhere else
    And the agents follow each other in the recording

  @claims.recording_pause @long
  Scenario: Card data is not in the recording
    Given the support line is open with 1 agent ready
    And a customer
    When the customer calls the recorded number
    Then an agent's phone rings
    When the agent answers
    And the customer and the agent talk
    And the agent pauses the recording
    And the customer gives a card number
    And the agent resumes the recording
    Then the agent has heard the customer during the pause
    When the customer hangs up
    Then both sides of the call have ended
    And there is a recording of the call
    And nothing of the pause is in the recording
    And everything before and after the pause is in the recording

  @long
  Scenario: The recording sounds like the call
    Given the support line is open with 1 agent ready
    And a customer
    When the customer calls the recorded number
    Then an agent's phone rings
    When the agent answers
    Then the customer and the agent hear each other
    When the customer and the agent each say a sentence
    And the customer hangs up
    Then both sides of the call have ended
    And there is a recording of the call
    And the recording sounds like the call

  @claims.supervision
  Scenario: A supervisor listens to a call and nobody hears the supervisor
    Given a customer in conversation with an agent
    And a supervisor
    When the supervisor listens to the agent
    Then the supervisor hears the customer and the agent, and neither hears the supervisor
    When the supervisor leaves
    Then the customer and the agent hear each other

  @claims.supervision
  Scenario: A supervisor whispers to the agent and the customer does not hear it
    Given a customer in conversation with an agent
    And a supervisor
    When the supervisor whispers to the agent
    Then the agent hears the supervisor and the customer does not
    When the supervisor leaves
    Then the customer and the agent hear each other

  @claims.supervision
  Scenario: A supervisor barges in and all hear all
    Given a customer in conversation with an agent
    And a supervisor
    When the supervisor barges into the agent's call
    Then the customer, the agent and the supervisor all hear each other
    When the supervisor leaves
    Then the customer and the agent hear each other

  @claims.supervision
  Scenario: An agent who is no supervisor cannot listen to a colleague's call
    Given a customer in conversation with an agent and a colleague ready
    When a colleague dials to listen to the agent
    Then the colleague hears nothing of the agent's call
    And the customer and the agent hear each other
